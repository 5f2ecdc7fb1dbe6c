"""Step 0, Join: a party seals its session secret to the enclave's attested HPKE key (RFC 9180, base mode).

Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Base mode does not say who sealed:
the party signs the sealed bytes. One-shot, without associated data: what it is bound to goes in `info`.
"""

from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.errors import SealError

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class HpkeKey:
    """The enclave's X25519 key pair. The private half has no way out of this object."""

    __slots__ = ("_private", "public_key")

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private
        self.public_key: bytes = private.public_key().public_bytes_raw()
        """Raw, 32 bytes: the "hpke-key" of the evidence."""

    @classmethod
    def generate(cls) -> Self:
        """A new pair, from OpenSSL's generator."""
        return cls(X25519PrivateKey.generate())

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """See `open_secret`."""
        if len(sealed) > limits.MAX_SEALED_SECRET_BYTES:
            raise SealError
        try:
            return _SUITE.decrypt(sealed, self._private, info=info)
        except (InvalidTag, ValueError, TypeError):
            raise SealError from None

    def __repr__(self) -> str:
        return f"HpkeKey(x25519, public sha384:{sha384_hex(self.public_key)})"


def seal_secret(secret: bytes, hpke_public: bytes, info: bytes) -> bytes:
    """Encapsulated key (32 bytes) || ciphertext || tag (16 bytes). `hpke_public` is raw, 32 bytes.

    Raises:
        SealError: `hpke_public` is not a usable X25519 key.
    """
    try:
        return _SUITE.encrypt(secret, X25519PublicKey.from_public_bytes(hpke_public), info=info)
    except (ValueError, TypeError):
        raise SealError from None


def open_secret(hpke_key: HpkeKey, sealed: bytes, info: bytes) -> bytes:
    """The secret that `seal_secret` sealed to this key with this `info`.

    Raises:
        SealError: in every other case.
    """
    return hpke_key.open(sealed, info)
