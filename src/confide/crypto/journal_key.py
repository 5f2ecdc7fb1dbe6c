"""Seals what a party writes down of a task under way, for nobody but the holder of its identity key.

    bound           = "confide/journal/1" || 0 || task
    key             = HKDF-SHA-384(private key as PKCS #8 PEM, no salt, info = bound)
    associated data = bound
    sealed          = nonce (12 random bytes) || AES-256-GCM ciphertext || tag (16 bytes)

A task is written down some tens of times: random nonces do not meet (NIST SP 800-38D, 8.2.2).
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from confide.core.errors import JournalInvalid
from confide.core.ports import Randomness
from confide.crypto.keys import PrivateKey

_CONTEXT = b"confide/journal/1\0"
_KEY_BYTES, _NONCE_BYTES = 32, 12


class JournalKey:
    """Of one party and one task."""

    def __init__(self, identity: PrivateKey, task: str) -> None:
        self._bound = _CONTEXT + task.encode()
        derive = HKDF(SHA384(), _KEY_BYTES, salt=None, info=self._bound)
        self._cipher = AESGCM(derive.derive(identity.to_pem_unencrypted()))

    def seal(self, plaintext: bytes, randomness: Randomness) -> bytes:
        """Under a fresh nonce."""
        nonce = randomness.bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, self._bound)

    def open(self, sealed: bytes) -> bytes:
        """Raises JournalInvalid: it was not sealed by this key for this task, or was altered since."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound)
        except (InvalidTag, ValueError):
            text = "the journal was not written by this identity for this task, or was altered since"
            raise JournalInvalid(text) from None
