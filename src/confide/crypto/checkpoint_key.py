"""Seals the state of a training under the storage keys of all its parties: none of them opens it alone.

    bound           = "confide/checkpoint/1" || 0 || task || 0 || agreement
    key             = HKDF-SHA-384(storage keys in the order of the participants, no salt, info = bound)
    associated data = bound || 0 || number u64
    sealed          = nonce (12 random bytes) || AES-256-GCM ciphertext || tag (16 bytes)

`agreement` is the digest of the first block of the agreement, whose place later ones have taken. Enclave
after enclave may number anew from where it starts: so nonces are random (some hundreds under a key).
"""

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from confide.core.ports import Randomness

_KEY_BYTES, _NONCE_BYTES = 32, 12


class CheckpointKey:
    """Of one agreement."""

    def __init__(self, storage_keys: Sequence[bytes], *, task: str, agreement: str) -> None:
        self._bound = b"confide/checkpoint/1\0" + f"{task}\0{agreement}".encode()
        derive = HKDF(SHA384(), _KEY_BYTES, salt=None, info=self._bound)
        self._cipher = AESGCM(derive.derive(b"".join(storage_keys)))

    def seal(self, number: int, state: bytes, randomness: Randomness) -> bytes:
        """Under a fresh nonce."""
        nonce = randomness.bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, state, self._bound_to(number))

    def open(self, number: int, sealed: bytes) -> bytes | None:
        """None: nothing that was sealed under this key, with this number."""
        try:
            nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return self._cipher.decrypt(nonce, rest, self._bound_to(number))
        except (InvalidTag, ValueError):
            return None

    def _bound_to(self, number: int) -> bytes:
        return self._bound + b"\0" + number.to_bytes(8, "big")
