"""The X.509 profile of Confide (RFC 5280): what its certificates hold, and how untrusted ones are read.

Certificates are signed with ECDSA P-384 or RSASSA-PKCS1-v1_5, both with SHA-384. The latter, not PSS,
because every TLS stack reads it in certificates (RFC 8446, 4.2.3); messages are signed with PSS.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from confide.core import limits
from confide.core.errors import CertificateInvalid
from confide.core.ports import Randomness
from confide.crypto.public_keys import PublicKey, UnacceptablePublicKey, kind_of

_PEM_MARK = b"-----BEGIN "
_SIGNATURES = (SignatureAlgorithmOID.RSA_WITH_SHA384, SignatureAlgorithmOID.ECDSA_WITH_SHA384)
_UNDERSTOOD = (
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
)
_PARSER_ERRORS = (
    ValueError,  # also UnacceptablePublicKey and everything of encodings
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.AttributeNotFound,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,  # where warnings are raised: malformed in a way it still tolerates
)


@contextmanager
def untrusted(what: str) -> Iterator[None]:
    """Whatever the X.509 library raises about untrusted bytes becomes CertificateInvalid."""
    try:
        yield
    except _PARSER_ERRORS as cause:
        detail = str(cause) or type(cause).__name__
        raise CertificateInvalid(f"{what} is not valid: {detail}") from None


def load_certificate(data: bytes) -> x509.Certificate:
    """One certificate, DER or PEM, of a permitted signature algorithm and without unknown critical parts.

    Raises ValueError or another of the library's errors: call it within `untrusted`.
    """
    if len(data) > limits.MAX_CERTIFICATE_BYTES:
        raise ValueError(f"longer than {limits.MAX_CERTIFICATE_BYTES} bytes")
    certificate = _parse(data)
    if certificate.version is not x509.Version.v3:
        raise ValueError("not an X.509 version 3 certificate")
    if certificate.serial_number <= 0:
        raise ValueError("the serial number is not positive")
    if certificate.signature_algorithm_oid not in _SIGNATURES:
        raise ValueError("the signature algorithm is neither RSA nor ECDSA with SHA-384")
    check_signature_form(certificate)
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            raise ValueError(f"unknown critical extension {extension.oid.dotted_string}")
    return certificate


def check_signature_form(holder: x509.Certificate | x509.CertificateSigningRequest) -> None:
    """The signature is whole octets: the library would ignore the count of unused bits, which nothing signs.

    Raises ValueError.
    """
    der = holder.public_bytes(Encoding.DER)
    if der[-len(holder.signature) - 1] != 0:
        raise ValueError("the signature is not whole octets")


def public_key_in(holder: x509.Certificate | x509.CertificateSigningRequest) -> PublicKey:
    """The key of a certificate or request. Raises UnacceptablePublicKey, a ValueError."""
    key = holder.public_key()
    kind_of(key)
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise UnacceptablePublicKey("neither an RSA-4096 nor an ECDSA P-384 key")
    return key


def only_common_name(subject: x509.Name) -> str:
    """The text of a name that is one common name and nothing else. Raises ValueError."""
    attributes = list(subject)
    if len(attributes) != 1 or attributes[0].oid != NameOID.COMMON_NAME:
        raise ValueError("the subject is not exactly one common name")
    value = attributes[0].value
    if not isinstance(value, str):
        raise ValueError("the common name is not text")  # noqa: TRY004  one kind of error for bad bytes
    return value


def check_window(certificate: x509.Certificate, now: int) -> None:
    """Raises ValueError when `now` (Unix seconds) is outside the validity."""
    if now < certificate.not_valid_before_utc.timestamp():
        raise ValueError("not valid yet")
    if now > certificate.not_valid_after_utc.timestamp():
        raise ValueError("expired")


def common_name(name: str) -> x509.Name:
    """A distinguished name of one common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: PublicKey,
    *,
    now: int,
    days: int,
    randomness: Randomness,
) -> x509.CertificateBuilder:
    """What all certificates have: names, key, its identifier, validity, a random serial number."""
    start = datetime.fromtimestamp(now, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(_serial(randomness))
        .not_valid_before(start - timedelta(seconds=limits.CLOCK_SKEW_SECONDS))
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def key_usage(*, issues_certificates: bool) -> x509.KeyUsage:
    """Either to sign certificates, or to sign: TLS 1.3 needs no other use."""
    return x509.KeyUsage(
        digital_signature=not issues_certificates,
        key_cert_sign=issues_certificates,
        crl_sign=issues_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def signing_hash() -> SHA384:
    """SHA-384."""
    return SHA384()


def pem(item: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """PEM (RFC 7468)."""
    return item.public_bytes(Encoding.PEM)


def _parse(data: bytes) -> x509.Certificate:
    if not data.lstrip().startswith(_PEM_MARK):
        return x509.load_der_x509_certificate(data)
    certificates = x509.load_pem_x509_certificates(data)
    if len(certificates) != 1:
        raise ValueError("more than one certificate")
    return certificates[0]


def _serial(randomness: Randomness) -> int:
    # 16 random bytes below a set bit: positive, never zero, within 20 octets (RFC 5280, 4.1.2.2).
    return 1 << 128 | int.from_bytes(randomness.bytes(16), "big")
