"""Data blocks that one enclave leaves on the host's disk for the next one of its task, under a party's key.

    bound           = "confide/store/1" || 0 || task || 0 || party || 0 || commitment
    key             = HKDF-SHA-384(storage key, no salt, info = bound)
    nonce           = 4 zero bytes || index u64
    associated data = bound
    sealed          = AES-256-GCM ciphertext || tag (16 bytes)

The party makes the storage key, and gives it to enclaves that it has attested and to nobody else. A nonce
comes again only with the same plaintext: what block `index` is, the manifest behind the commitment has fixed.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

STORAGE_KEY_BYTES = 32
TAG_BYTES = 16


class StorageKey:
    """Of one party's dataset in one task. Safe to use from several threads."""

    def __init__(self, key: bytes, *, task: str, party: str, commitment: str) -> None:
        self._bound = b"confide/store/1\0" + f"{task}\0{party}\0{commitment}".encode()
        derive = HKDF(SHA384(), STORAGE_KEY_BYTES, salt=None, info=self._bound)
        self._cipher = AESGCM(derive.derive(key))

    def seal(self, index: int, block: bytes | memoryview) -> bytes:
        """Only of a block that the manifest lists under this index."""
        return self._cipher.encrypt(_nonce(index), block, self._bound)

    def open(self, index: int, sealed: bytes) -> bytes | None:
        """None: nothing that was sealed under this key, in this place."""
        try:
            return self._cipher.decrypt(_nonce(index), sealed, self._bound)
        except InvalidTag:
            return None


def _nonce(index: int) -> bytes:
    return bytes(4) + index.to_bytes(8, "big")
