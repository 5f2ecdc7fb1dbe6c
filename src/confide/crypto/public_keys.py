"""The public keys that an identity may have: RSA-4096 or ECDSA P-384, in one spelling each."""

from enum import StrEnum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from confide.core import limits

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_RSA_EXPONENT = 65537


class KeyKind(StrEnum):
    """The two kinds of identity key (spec/protocol.md, "Cryptographic profile")."""

    RSA_4096 = "rsa-4096"
    P_384 = "p-384"


class UnacceptablePublicKey(ValueError):
    """The bytes are not a public key of an accepted kind. Callers map it to their own error."""


def kind_of(key: object) -> KeyKind:
    """The kind of a parsed public key. Raises UnacceptablePublicKey for any other kind or size."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size == limits.RSA_BITS and key.public_numbers().e == _RSA_EXPONENT:
            return KeyKind.RSA_4096
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1):
        return KeyKind.P_384
    raise UnacceptablePublicKey("neither an RSA-4096 nor an ECDSA P-384 key")


def encode_public_key(key: PublicKey) -> bytes:
    """DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7)."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def load_public_key(der: bytes) -> PublicKey:
    """Parse an untrusted DER SubjectPublicKeyInfo.

    Only the spelling that `encode_public_key` makes is accepted: a key has one digest.

    Raises:
        UnacceptablePublicKey: for everything else.
    """
    if len(der) > limits.MAX_PUBLIC_KEY_BYTES:
        raise UnacceptablePublicKey(f"longer than {limits.MAX_PUBLIC_KEY_BYTES} bytes")
    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnacceptablePublicKey("not a DER SubjectPublicKeyInfo") from None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise UnacceptablePublicKey("neither an RSA-4096 nor an ECDSA P-384 key")
    kind_of(key)
    if encode_public_key(key) != der:
        raise UnacceptablePublicKey("valid DER, but not in canonical form")
    return key
