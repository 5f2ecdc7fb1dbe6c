"""Keys that only go forward: one chain per direction, one key per epoch (spec/protocol.md, "Join").

    chain[0]   = HKDF-SHA-384(secret, salt = SHA-384(context), info = "…/root" direction)
    key[i]     = HKDF-Expand(chain[i], "…/key"   direction i key_bytes)
    chain[i+1] = HKDF-Expand(chain[i], "…/chain" direction i messages)

`messages` is how many messages the epoch that ends has carried: two ends that disagree about it, because
the last ones were dropped on the way, hold different keys from then on.

Old chain keys are overwritten. That is best effort: CPython and OpenSSL may have made copies on the way.
"""

import copy
from enum import StrEnum

from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from confide.core import limits
from confide.core.digest import DIGEST_BYTES, sha384

_LABEL = b"confide/ratchet/1/"
_KEY_SIZES = (16, 32)


class Direction(StrEnum):
    """Who sends. The two names have the same length: they stand unframed in hashed bytes."""

    TO_ENCLAVE = "party-to-enclave"
    TO_PARTY = "enclave-to-party"


class Ratchet:
    """One direction's chain. `epoch` starts at 0."""

    __slots__ = ("_chain", "_direction", "_key_bytes", "epoch")

    def __init__(self, secret: bytes, context: bytes, direction: Direction, *, key_bytes: int = 32) -> None:
        """Raises ValueError unless `secret` has 32 bytes and `key_bytes` is 16 or 32."""
        if len(secret) != limits.SESSION_SECRET_BYTES:
            raise ValueError(f"a session secret has {limits.SESSION_SECRET_BYTES} bytes")
        if key_bytes not in _KEY_SIZES:
            raise ValueError("AES keys of 16 or 32 bytes only")
        self._direction = direction.value.encode()
        self._key_bytes = key_bytes
        self.epoch = 0
        root = HKDF(SHA384(), DIGEST_BYTES, salt=sha384(context), info=_LABEL + b"root" + self._direction)
        self._chain = bytearray(root.derive(secret))

    @property
    def key(self) -> bytes:
        """The AES key of the current epoch, `key_bytes` long."""
        return self._expand(b"key", self._key_bytes, self._key_bytes)

    def advance(self, messages: int = 0) -> None:
        """Go one epoch forward; there is no way back. `messages` were carried in the epoch that ends."""
        following = bytearray(self._expand(b"chain", messages, DIGEST_BYTES))
        self.wipe()
        self._chain = following
        self.epoch += 1

    def ahead(self, epoch: int, messages: int) -> "Ratchet":
        """A ratchet of its own at `epoch`, with this one left where it is.

        Epochs that are passed over have carried no message. Raises ValueError for an epoch that is past.
        """
        if epoch < self.epoch:
            raise ValueError("a ratchet does not go back")
        other = copy.deepcopy(self)
        while other.epoch < epoch:
            other.advance(messages)
            messages = 0
        return other

    def wipe(self) -> None:
        """Overwrite the chain key; the ratchet is of no use afterwards."""
        self._chain[:] = bytes(len(self._chain))

    def _expand(self, purpose: bytes, number: int, length: int) -> bytes:
        info = _LABEL + purpose + self._direction + self.epoch.to_bytes(4, "big") + number.to_bytes(8, "big")
        return HKDFExpand(SHA384(), length, info).derive(self._chain)

    def __repr__(self) -> str:
        return f"Ratchet({self._direction.decode()}, epoch {self.epoch})"
