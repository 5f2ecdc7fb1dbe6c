"""Certificates, seen from those who rely on them; and the enclave's own, which nobody relies on by itself."""

import hmac
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.errors import CertificateInvalid
from confide.core.ports import Randomness
from confide.crypto import hosts as host_names
from confide.crypto import x509_profile as profile
from confide.crypto.identity import Identity, IdentityRole, parse_identity_uri
from confide.crypto.keys import PrivateKey
from confide.crypto.public_keys import encode_public_key

_USES = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}


def verify_certificate(certificate: bytes, ca_pem: bytes, now: int) -> Identity:
    """The identity that a certificate (DER or PEM) proves under the CA at `now` (Unix seconds).

    1. Both parse, in our profile; the CA's is a CA's and within its validity.
    2. The CA issued the certificate directly: names match, the signature verifies (RFC 5280, 6.1.3).
    3. `now` is within its validity; it is not a CA's; it may sign, as TLS client and server.
    4. Its URI names an identity; its common name is the same; only a platform has hosts.

    There is no revocation list: identities live 397 days at most, and a CA is renewed to drop one earlier.

    Raises:
        CertificateInvalid: for everything that fails.
    """
    with profile.untrusted("the CA's certificate"):
        authority = load_authority(ca_pem, now)
    with profile.untrusted("the certificate"):
        subject = profile.load_certificate(certificate)
        subject.verify_directly_issued_by(authority)
        profile.check_window(subject, now)
        _check_uses(subject)
        name, role = _identity_in(subject)
        return Identity(
            name=name,
            role=role,
            public_key=encode_public_key(profile.public_key_in(subject)),
            fingerprint=sha384_hex(subject.public_bytes(Encoding.DER)),
        )


def verify_role(certificate: bytes, ca_pem: bytes, now: int, role: IdentityRole) -> Identity:
    """As `verify_certificate`; also refuses a certificate that was issued for another role."""
    identity = verify_certificate(certificate, ca_pem, now)
    if identity.role is not role:
        raise CertificateInvalid(f"{identity.name}'s certificate is for a {identity.role.value}")
    return identity


def load_authority(ca_pem: bytes, now: int) -> x509.Certificate:
    """A root certificate that may issue. Raises ValueError and the like: call it within `untrusted`."""
    authority = profile.load_certificate(ca_pem)
    authority.verify_directly_issued_by(authority)
    profile.check_window(authority, now)
    profile.public_key_in(authority)
    if not authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
        raise ValueError("it is not a CA's")
    if not authority.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
        raise ValueError("its key may not sign certificates")
    return authority


def check_key_matches(identity: Identity, key: PrivateKey | bytes) -> None:
    """The certificate is for this key (or DER SPKI). Raises CertificateInvalid."""
    public = key.public_key if isinstance(key, PrivateKey) else key
    if not hmac.compare_digest(identity.public_key, public):
        raise CertificateInvalid("the certificate is for another key")


def enclave_certificate(key: PrivateKey, hosts: Sequence[str], now: int, randomness: Randomness) -> bytes:
    """A self-signed TLS server certificate (PEM). It proves nothing until evidence is bound to its key.

    Raises:
        ConfigurationError: a host is neither a DNS name nor an IP address.
    """
    name = profile.common_name(host_names.ENCLAVE_HOST)
    public = key.unwrap().public_key()
    names = host_names.general_names([host_names.ENCLAVE_HOST, *hosts])
    certificate = (
        profile.builder(
            name, name, public, now=now, days=limits.ENCLAVE_CERTIFICATE_DAYS, randomness=randomness
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(profile.key_usage(issues_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key.unwrap(), profile.signing_hash())
    )
    return profile.pem(certificate)


def public_key_of_certificate(certificate: bytes) -> bytes:
    """DER SPKI of any certificate of our profile (DER or PEM), not judged. Raises CertificateInvalid."""
    with profile.untrusted("the certificate"):
        return encode_public_key(profile.public_key_in(profile.load_certificate(certificate)))


def certificate_fingerprint(certificate: bytes) -> str:
    """Hexadecimal SHA-384 of the DER form of a DER or PEM certificate. Raises CertificateInvalid."""
    with profile.untrusted("the certificate"):
        return sha384_hex(profile.load_certificate(certificate).public_bytes(Encoding.DER))


def certificate_to_pem(certificate: bytes) -> bytes:
    """The PEM form of a DER or PEM certificate. Raises CertificateInvalid."""
    with profile.untrusted("the certificate"):
        return profile.pem(profile.load_certificate(certificate))


def _check_uses(certificate: x509.Certificate) -> None:
    extensions = certificate.extensions
    if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
        raise ValueError("it is a CA's, not an identity's")
    if not extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
        raise ValueError("its key may not sign")
    if not set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) >= _USES:
        raise ValueError("it is not for both TLS client and TLS server")


def _identity_in(certificate: x509.Certificate) -> tuple[str, IdentityRole]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return identity_in_names(certificate.subject, names)


def identity_in_names(subject: x509.Name, names: x509.SubjectAlternativeName) -> tuple[str, IdentityRole]:
    """(name, role) that a certificate or request claims. Raises ValueError when its parts disagree."""
    uris = [name for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    others = [name for name in names if not isinstance(name, x509.UniformResourceIdentifier)]
    if len(uris) != 1:
        raise ValueError("there is not exactly one URI")
    name, role = parse_identity_uri(uris[0].value)
    if profile.only_common_name(subject) != name:
        raise ValueError("the common name and the URI differ")
    if host_names.permitted(others) and role is not IdentityRole.PLATFORM:
        raise ValueError("only a platform's certificate names hosts")
    return name, role
