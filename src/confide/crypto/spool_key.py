"""Records on a disk that somebody else owns: unreadable, and bound to their number and purpose.

    nonce           = 4 zero bytes || number u64
    associated data = "confide/spool/1" || 0 || purpose
    sealed          = AES-256-GCM ciphertext || tag (16 bytes)

The key is made for one process, and a number is used once: no nonce comes twice (NIST SP 800-38D, 8.2.1),
and there is never an older record of the same number to bring back.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from confide.core.errors import LocalProtocolError, SpoolFailed

KEY_BYTES = 32
TAG_BYTES = 16
_CONTEXT = b"confide/spool/1\0"


class SpoolKey:
    """Seals records and opens them again. Safe to use from several threads."""

    def __init__(self, key: bytes) -> None:
        """Raises ValueError unless `key` has 32 bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a spool's key has {KEY_BYTES} bytes")
        self._cipher: AESGCM | None = AESGCM(key)

    def seal(self, purpose: str, number: int, plaintext: bytes | memoryview) -> bytes:
        """The caller never gives a number twice. Raises LocalProtocolError after `destroy`."""
        if self._cipher is None:
            raise LocalProtocolError("the spool's key is gone")
        return self._cipher.encrypt(_nonce(number), plaintext, _CONTEXT + purpose.encode())

    def open(self, purpose: str, number: int, sealed: bytes | bytearray) -> bytes:
        """Raises SpoolFailed: not the record that was sealed under this purpose and number."""
        try:
            if self._cipher is not None:
                return self._cipher.decrypt(_nonce(number), sealed, _CONTEXT + purpose.encode())
        except InvalidTag:
            pass
        raise SpoolFailed("what the enclave had put on the platform's disk did not come back as it was")

    def destroy(self) -> None:
        """Let go of the key, as far as Python allows; nothing can be opened any more. Idempotent."""
        self._cipher = None


def _nonce(number: int) -> bytes:
    return bytes(4) + number.to_bytes(8, "big")
