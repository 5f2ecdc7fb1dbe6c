"""Private keys that sign and never show themselves."""

from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.errors import KeyStoreError
from confide.crypto import signatures
from confide.crypto.public_keys import KeyKind as KeyKind  # noqa: PLC0414  the public name is keys.KeyKind
from confide.crypto.public_keys import UnacceptablePublicKey, encode_public_key, kind_of
from confide.crypto.wiping import Secret


def spki_digest(spki: bytes) -> str:
    """Hexadecimal SHA-384 of a DER SubjectPublicKeyInfo: the short name of a public key."""
    return sha384_hex(spki)


class PrivateKey:
    """An RSA-4096 or ECDSA P-384 private key; implements `core.ports.Signer`.

    The key's own randomness comes from OpenSSL's generator: `cryptography` takes no other source.
    """

    __slots__ = ("_key", "kind", "public_key")

    def __init__(self, key: signatures.RawPrivateKey) -> None:
        self._key = key
        public = key.public_key()
        self.kind: KeyKind = kind_of(public)
        self.public_key: bytes = encode_public_key(public)
        """DER SubjectPublicKeyInfo."""

    @classmethod
    def generate(cls, kind: KeyKind = KeyKind.RSA_4096) -> Self:
        """A new key."""
        if kind is KeyKind.RSA_4096:
            return cls(rsa.generate_private_key(public_exponent=65537, key_size=limits.RSA_BITS))
        return cls(ec.generate_private_key(ec.SECP384R1()))

    @classmethod
    def from_der(cls, der: Secret) -> Self:
        """Parse DER PKCS #8, unencrypted. Raises KeyStoreError for everything else, without the reason."""
        try:
            key = load_der_private_key(der, password=None)
            if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
                return cls(key)
        except (ValueError, TypeError, UnsupportedAlgorithm, UnacceptablePublicKey):
            pass  # whatever the library says about a private key stays out of error texts
        raise KeyStoreError("the stored key is neither an RSA-4096 nor an ECDSA P-384 private key")

    def sign(self, context: str, message: bytes) -> bytes:
        """Signature over `context` || 0x00 || `message`. Raises ValueError for a bad context."""
        return signatures.sign(self._key, context, message)

    def to_der(self) -> bytes:
        """DER PKCS #8, unencrypted: for the key store, which encrypts it."""
        return self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def to_pem_unencrypted(self) -> bytes:
        """PEM PKCS #8, unencrypted: only for a TLS stack in this process, never for a file."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def to_pem(self, passphrase: bytes) -> bytes:
        """PEM PKCS #8, encrypted: for a TLS stack that takes keys from files only."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))

    def unwrap(self) -> signatures.RawPrivateKey:
        """The library's key object: only for building certificates in this package."""
        return self._key

    def __repr__(self) -> str:
        return f"PrivateKey({self.kind.value}, spki sha384:{spki_digest(self.public_key)})"
