"""The common CA: it sees requests and makes certificates; it never holds another's private key."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from confide.core import limits
from confide.core.errors import CertificateInvalid
from confide.core.ports import Randomness
from confide.crypto import x509_profile as profile
from confide.crypto.certificates import identity_in_names, load_authority
from confide.crypto.identity import check_name
from confide.crypto.keys import KeyKind, PrivateKey
from confide.crypto.public_keys import PublicKey, encode_public_key

_ORGANIZATION = "Confide CA"
"""Keeps the CA's distinguished name apart from any identity's, whatever the names are."""


@dataclass(frozen=True, slots=True)
class _Requested:
    """What a certificate takes over from its request."""

    subject: x509.Name
    public_key: PublicKey
    names: x509.SubjectAlternativeName


def init_ca(name: str, kind: KeyKind, now: int, randomness: Randomness) -> tuple[PrivateKey, bytes]:
    """A new CA: (its key, its self-signed certificate as PEM), valid for CA_DAYS.

    Raises:
        ConfigurationError: the name is not valid.
    """
    key = PrivateKey.generate(kind)
    public = key.unwrap().public_key()
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, check_name(name)),
        ]
    )
    certificate = (
        profile.builder(subject, subject, public, now=now, days=limits.CA_DAYS, randomness=randomness)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(profile.key_usage(issues_certificates=True), critical=True)
        .sign(key.unwrap(), profile.signing_hash())
    )
    return key, profile.pem(certificate)


def issue(ca_key: PrivateKey, ca_cert: bytes, csr_pem: bytes, now: int, randomness: Randomness) -> bytes:
    """The certificate (PEM) for a request that `request_identity` made, valid for IDENTITY_DAYS.

    Only the key, the name, the role and a platform's hosts are taken over; whatever else the request
    asks for is refused. That the requester is who the name says is for the CA's operator to know.

    Raises:
        CertificateInvalid: the request is malformed, not signed by its own key, or outside the policy;
            or the CA's certificate is not this key's.
    """
    with profile.untrusted("the CA's certificate"):
        authority = load_authority(ca_cert, now)
    if encode_public_key(profile.public_key_in(authority)) != ca_key.public_key:
        raise CertificateInvalid("the CA's certificate is for another key")
    with profile.untrusted("the request"):
        requested = _requested(csr_pem)
    return profile.pem(_issue(ca_key, authority, requested, now, randomness))


def _requested(csr_pem: bytes) -> _Requested:
    if len(csr_pem) > limits.MAX_CERTIFICATE_BYTES:
        raise ValueError(f"longer than {limits.MAX_CERTIFICATE_BYTES} bytes")
    request = x509.load_pem_x509_csr(csr_pem)
    public = profile.public_key_in(request)
    profile.check_signature_form(request)
    if not request.is_signature_valid:
        raise ValueError("it is not signed by its own key")
    extensions = list(request.extensions)
    if len(extensions) != 1 or not isinstance(extensions[0].value, x509.SubjectAlternativeName):
        raise ValueError("it asks for more than a name")
    names = extensions[0].value
    identity_in_names(request.subject, names)
    return _Requested(request.subject, public, names)


def _issue(
    ca_key: PrivateKey,
    authority: x509.Certificate,
    requested: _Requested,
    now: int,
    randomness: Randomness,
) -> x509.Certificate:
    issuer = ca_key.unwrap().public_key()
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    draft = profile.builder(
        requested.subject,
        authority.subject,
        requested.public_key,
        now=now,
        days=_days_left(authority, now),
        randomness=randomness,
    )
    return (
        draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(profile.key_usage(issues_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(requested.names, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
        .sign(ca_key.unwrap(), profile.signing_hash())
    )


def _days_left(authority: x509.Certificate, now: int) -> int:
    """No identity outlives its CA."""
    left = authority.not_valid_after_utc - datetime.fromtimestamp(now, UTC)
    if left.days < 1:
        raise CertificateInvalid("the CA's certificate expires within a day: make a new CA")
    return min(limits.IDENTITY_DAYS, left.days)
