"""Signatures over `context` || 0x00 || `message`: the context tells one kind of document from another.

Where the context is a media type (`application/…`), it is the payload type of a DSSE envelope, and the
signature covers DSSE's pre-authentication encoding, so that tools of others can check it. No other context
begins as that does.

RSA-PSS with SHA-384, MGF1-SHA-384 and a 48-byte salt (RFC 8017, 8.1), or ECDSA P-384 with SHA-384
(FIPS 186-5), as the key says. ECDSA nonces are derived, not drawn (RFC 6979): an enclave may start
with little entropy.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA384

from confide.core import limits
from confide.core.errors import SignatureInvalid
from confide.crypto.public_keys import PublicKey, UnacceptablePublicKey, load_public_key

RawPrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

PSS_SALT_BYTES = 48
_DSSE = b"DSSEv1"


def sign(private_key: RawPrivateKey, context: str, message: bytes) -> bytes:
    """A signature: 512 bytes (RSA-4096) or DER of r and s (P-384). `PrivateKey.sign` is the way in.

    Raises:
        ValueError: `context` is not a non-empty ASCII string without NUL.
    """
    signed = _signed_bytes(context, message)
    if isinstance(private_key, rsa.RSAPrivateKey):
        return private_key.sign(signed, _pss(), SHA384())
    return private_key.sign(signed, ec.ECDSA(SHA384(), deterministic_signing=True))


def verify(public_key_der: bytes, context: str, message: bytes, signature: bytes) -> None:
    """Return if `signature` is by the key `public_key_der` over this context and message.

    Raises:
        SignatureInvalid: in every other case, a malformed key included.
    """
    try:
        key = load_public_key(public_key_der)
        _verify(key, _signed_bytes(context, message), signature)
    except UnacceptablePublicKey as cause:
        raise SignatureInvalid(f"the signer's public key is not acceptable: {cause}") from None
    except (InvalidSignature, ValueError):
        raise SignatureInvalid(f"the signature over the {context!r} does not verify") from None


def _verify(key: PublicKey, signed: bytes, signature: bytes) -> None:
    if len(signature) > limits.MAX_SIGNATURE_BYTES:
        raise InvalidSignature
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, _pss(), SHA384())
    else:
        key.verify(signature, signed, ec.ECDSA(SHA384()))


def _signed_bytes(context: str, message: bytes) -> bytes:
    # UnicodeEncodeError is a ValueError: both callers expect that.
    prefix = context.encode("ascii")
    if not prefix or b"\x00" in prefix:
        raise ValueError("a signature context is a non-empty ASCII string without NUL")
    if prefix.startswith(b"application/"):
        return pae(prefix, message)
    if prefix.startswith(_DSSE):
        raise ValueError("a signature context may not look like a DSSE envelope")
    return prefix + b"\x00" + message


def pae(payload_type: bytes, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding (github.com/secure-systems-lab/dsse, protocol.md)."""
    return b"%s %d %s %d %s" % (_DSSE, len(payload_type), payload_type, len(payload), payload)


def _pss() -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(SHA384()), salt_length=PSS_SALT_BYTES)
