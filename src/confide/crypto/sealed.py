"""Sealed messages: what a party and an enclave say to each other, unreadable to the host between them.

    envelope = version u8 (= 1) || epoch u32 || number u64 || AES-GCM ciphertext || tag (16 bytes)
    nonce    = 4 zero bytes || number u64
    associated data = "confide/sealed/1" || SHA-384(context) || direction || version, epoch, number

Integers are big-endian. Each epoch has its own key (crypto/ratchet.py), so `number` starts at 0 in each,
and no nonce comes twice under one key (NIST SP 800-38D, 8.2.1).
"""

import struct
import threading
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from confide.core import limits
from confide.core.digest import sha384
from confide.core.envelope import Envelope, PieceRoom, parts_of
from confide.core.errors import LimitExceeded, LocalProtocolError, SealError
from confide.crypto.fresh_memory import fresh
from confide.crypto.ratchet import Direction, Ratchet

Side = Literal["party", "enclave"]

VERSION = 1
TAG_BYTES = 16
_HEADER = struct.Struct(">BIQ")
OVERHEAD_BYTES = _HEADER.size + TAG_BYTES
"""How much longer an envelope is than what it carries: 29 bytes."""


class SealingKey:
    """The sender's end of one direction. Safe to share between threads: no two messages get one number."""

    def __init__(self, ratchet: Ratchet, context: bytes, direction: Direction) -> None:
        self._ratchet = ratchet
        self._associated = _associated(context, direction)
        self._cipher: AES | None = AES(ratchet.key)
        self._number = 0
        self._lock = threading.Lock()

    def seal(self, plaintext: bytes, epoch: int, payload: bytes | memoryview = b"") -> Envelope:
        """The next envelope, of `plaintext` || `payload`, which only the cipher copies.

        A larger `epoch` than the last moves the ratchet forward first.

        Raises:
            LimitExceeded: together they are longer than MAX_MESSAGE_BYTES.
            SealError: the key has been destroyed.
            LocalProtocolError: `epoch` is past or beyond MAX_EPOCH, or the epoch's numbers are used up.
        """
        size = len(plaintext) + len(payload)
        if size > limits.MAX_MESSAGE_BYTES:
            raise LimitExceeded(f"a message of {size} bytes is longer than MAX_MESSAGE_BYTES")
        with self._lock:
            cipher = self._cipher_of(epoch)
            if self._number >= limits.MAX_MESSAGES_PER_EPOCH:
                raise LocalProtocolError("this epoch has carried MAX_MESSAGES_PER_EPOCH messages")
            number = self._number
            self._number += 1  # whatever comes: a nonce that was begun with is never taken again
        header = _HEADER.pack(VERSION, epoch, number)
        return _sealed(cipher, number, header, self._associated + header, (plaintext, payload))

    def destroy(self) -> None:
        """Wipe the key, as far as Python allows; every later `seal` raises SealError. Idempotent."""
        with self._lock:
            self._ratchet.wipe()
            self._cipher = None

    def _cipher_of(self, epoch: int) -> AES:
        if self._cipher is None:
            raise SealError
        if not self._ratchet.epoch <= epoch <= limits.MAX_EPOCH:
            raise LocalProtocolError(f"can't seal for epoch {epoch} from epoch {self._ratchet.epoch}")
        if epoch > self._ratchet.epoch:
            following = self._ratchet.ahead(epoch, self._number)
            self._ratchet.wipe()
            self._ratchet, self._cipher, self._number = following, AES(following.key), 0
        return self._cipher


class OpeningKey:
    """The receiver's end of one direction. One refused envelope ends it: every later call raises too."""

    def __init__(self, ratchet: Ratchet, context: bytes, direction: Direction) -> None:
        self._ratchet = ratchet
        self._associated = _associated(context, direction)
        self._cipher: AES | None = AES(ratchet.key)
        self._number = 0

    def open(self, envelope: Envelope, *, max_epoch: int) -> tuple[int, memoryview]:
        """(epoch, plaintext) of the next envelope, which may open a later epoch up to `max_epoch`.

        Raises:
            SealError: it is not the next envelope of this direction and context, for whatever reason.
        """
        try:
            return self._open(envelope, max_epoch)
        except (SealError, InvalidTag):
            self.destroy()
            raise SealError from None

    def destroy(self) -> None:
        """Wipe the key, as far as Python allows; every later `open` raises SealError. Idempotent."""
        self._ratchet.wipe()
        self._cipher = None

    def _open(self, envelope: Envelope, max_epoch: int) -> tuple[int, memoryview]:
        if self._cipher is None:
            raise SealError
        if not OVERHEAD_BYTES <= len(envelope) <= limits.MAX_MESSAGE_BYTES + OVERHEAD_BYTES:
            raise SealError
        first, *rest = [memoryview(part) for part in parts_of(envelope)]
        if len(first) < _HEADER.size:
            raise SealError
        version, epoch, number = _HEADER.unpack_from(first)
        if version != VERSION or not self._ratchet.epoch <= epoch <= min(max_epoch, limits.MAX_EPOCH):
            raise SealError
        if epoch == self._ratchet.epoch:
            ratchet, cipher, expected = self._ratchet, self._cipher, self._number
        else:
            ratchet, expected = self._ratchet.ahead(epoch, self._number), 0
            cipher = AES(ratchet.key)
        if number != expected or number >= limits.MAX_MESSAGES_PER_EPOCH:
            raise SealError
        associated = self._associated + bytes(first[: _HEADER.size])
        plaintext = _opened(cipher, number, (first[_HEADER.size :], *rest), associated)
        self._commit(ratchet, cipher, number + 1)
        return epoch, plaintext

    def _commit(self, ratchet: Ratchet, cipher: AES, number: int) -> None:
        """Only after the tag has verified: a forged header must not move the ratchet."""
        if ratchet is not self._ratchet:
            self._ratchet.wipe()
        self._ratchet, self._cipher, self._number = ratchet, cipher, number


def session_keys(
    secret: bytes, context: bytes, *, side: Side, key_bytes: int = 32
) -> tuple[SealingKey, OpeningKey]:
    """Both ends that `side` needs: to send with, and to receive with.

    `context` names what the session is bound to (task, party, certificate, enclave); any length.
    Raises ValueError unless `secret` has 32 bytes and `key_bytes` is 16 or 32.
    """
    outgoing, incoming = Direction.TO_ENCLAVE, Direction.TO_PARTY
    if side == "enclave":
        outgoing, incoming = incoming, outgoing
    return (
        SealingKey(Ratchet(secret, context, outgoing, key_bytes=key_bytes), context, outgoing),
        OpeningKey(Ratchet(secret, context, incoming, key_bytes=key_bytes), context, incoming),
    )


def _sealed(
    cipher: AES, number: int, header: bytes, associated: bytes, parts: tuple[bytes, bytes | memoryview]
) -> Envelope:
    """Header || AES-GCM ciphertext of all parts || tag, written in the pieces that it will travel in."""
    encryptor = Cipher(cipher, GCM(_nonce(number))).encryptor()
    encryptor.authenticate_additional_data(associated)
    room = PieceRoom(OVERHEAD_BYTES + sum(map(len, parts)))
    room.write(header)
    for part in parts:
        view = memoryview(part)
        for at, space in room.spaces(len(part)):
            encryptor.update_into(view[at : at + len(space)], space)
    encryptor.finalize()
    room.write(encryptor.tag)
    return room.envelope


def _opened(cipher: AES, number: int, sealed: tuple[memoryview, ...], associated: bytes) -> memoryview:
    """The plaintext, once the tag has verified."""
    left = sum(map(len, sealed)) - TAG_BYTES
    plaintext, texts, tag = fresh(left), [], b""
    for part in sealed:
        texts.append(part[:left])
        tag += part[left:]
        left -= len(texts[-1])
    decryptor = Cipher(cipher, GCM(_nonce(number), tag)).decryptor()
    decryptor.authenticate_additional_data(associated)
    at = 0
    for text in texts:
        at += decryptor.update_into(text, plaintext[at:])
    decryptor.finalize()
    return plaintext.toreadonly()


def _associated(context: bytes, direction: Direction) -> bytes:
    return b"confide/sealed/1" + sha384(context) + direction.value.encode()


def _nonce(number: int) -> bytes:
    return bytes(4) + number.to_bytes(8, "big")
