"""Seals files that a party keeps between tasks, for nobody but the holder of its identity key.

    file            = salt (32 random bytes) || record 0 || record 1 || …
    bound           = "confide/cache/1" || 0 || purpose || 0 || name
    key             = HKDF-SHA-384(private key as PKCS #8 PEM, salt, info = bound)
    associated data = bound || 0 || last u8: whether it is the last record
    record          = AES-256-GCM ciphertext of up to 1 MiB || tag (16 bytes)
    nonce           = 4 zero bytes || number of the record u64

Each file has a key of its own, so that numbers do for nonces; a file that is cut, or whose records come in
another order, does not open.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from confide.core.errors import SealError
from confide.core.ports import Randomness
from confide.crypto.keys import PrivateKey
from confide.crypto.private_files import create_private

_CONTEXT = b"confide/cache/1\0"
_KEY_BYTES, _SALT_BYTES, _TAG_BYTES = 32, 32, 16
RECORD_BYTES = 1 << 20


class CacheKey:
    """Of one party and one purpose."""

    def __init__(self, identity: PrivateKey, purpose: str) -> None:
        self._identity = identity
        self._bound = _CONTEXT + purpose.encode() + b"\0"

    def seal(self, source: Path, target: Path, randomness: Randomness) -> None:
        """`target`, which is made, opens under the name that it has. Raises OSError."""
        salt = randomness.bytes(_SALT_BYTES)
        cipher, bound = self._cipher(salt, target.name)
        with source.open("rb") as plain, create_private(target) as sealed:
            sealed.write(salt)
            for number, last, record in _records(plain, RECORD_BYTES):
                sealed.write(cipher.encrypt(_nonce(number), record, bound + bytes([0, last])))

    def open(self, source: Path, target: Path) -> None:
        """Raises SealError: it was not sealed by this key under this name, or was altered since."""
        try:
            with source.open("rb") as sealed, create_private(target) as plain:
                cipher, bound = self._cipher(sealed.read(_SALT_BYTES), source.name)
                for number, last, record in _records(sealed, RECORD_BYTES + _TAG_BYTES):
                    plain.write(cipher.decrypt(_nonce(number), record, bound + bytes([0, last])))
        except (InvalidTag, ValueError, OSError):
            raise SealError from None

    def _cipher(self, salt: bytes, name: str) -> tuple[AESGCM, bytes]:
        bound = self._bound + name.encode()
        derive = HKDF(SHA384(), _KEY_BYTES, salt=salt, info=bound)
        return AESGCM(derive.derive(self._identity.to_pem_unencrypted())), bound


def _records(file: BinaryIO, size: int) -> Iterator[tuple[int, bool, bytes]]:
    """(number, whether it is the last, bytes); an empty file has one, which is empty."""
    number, record = 0, file.read(size)
    while True:
        following = file.read(size)
        yield number, not following, record
        if not following:
            return
        number, record = number + 1, following


def _nonce(number: int) -> bytes:
    return bytes(4) + number.to_bytes(8, "big")
