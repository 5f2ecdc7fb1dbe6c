"""Who somebody is: a name and a role, in one URI of a certificate; and the request for such a certificate."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509

from confide.core import names
from confide.core.errors import ConfigurationError
from confide.crypto.hosts import general_names
from confide.crypto.keys import PrivateKey, spki_digest
from confide.crypto.x509_profile import common_name, pem, signing_hash

_URI_PREFIX = "urn:confide:"


class IdentityRole(StrEnum):
    """What a certificate lets its holder be. Not the role in a task: any party may initiate or provide."""

    PARTY = "party"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified certificate, in the terms of the protocol."""

    name: str
    role: IdentityRole
    public_key: bytes
    """DER SubjectPublicKeyInfo."""
    fingerprint: str
    """Hexadecimal SHA-384 of the DER certificate. Good to compare, not to keep a list of the refused:
    an ECDSA signature has a second valid form (s, n - s), and that certificate another fingerprint."""

    def __repr__(self) -> str:
        return f"Identity({self.role.value} {self.name}, spki sha384:{spki_digest(self.public_key)})"


def check_name(name: str) -> str:
    """The name itself, of the grammar `core.names.PARTY`. Raises ConfigurationError."""
    try:
        return names.check_party(name)
    except ValueError as cause:
        raise ConfigurationError(str(cause)) from None


def identity_uri(name: str, role: IdentityRole) -> str:
    """`urn:confide:party:NAME` or `urn:confide:platform:NAME`."""
    return f"{_URI_PREFIX}{role.value}:{name}"


def parse_identity_uri(uri: str) -> tuple[str, IdentityRole]:
    """(name, role). Raises ValueError for everything that `identity_uri` would not make."""
    role, separator, name = uri.removeprefix(_URI_PREFIX).partition(":")
    if not uri.startswith(_URI_PREFIX) or not separator:
        raise ValueError("the URI is not urn:confide:ROLE:NAME")
    return names.check_party(name), IdentityRole(role)


def request_identity(
    key: PrivateKey, name: str, role: IdentityRole = IdentityRole.PARTY, hosts: Sequence[str] = ()
) -> bytes:
    """A certificate request (PKCS #10, PEM): the key stays here, the CA sees this only.

    `hosts` are the DNS names and IP addresses under which a platform is reached.

    Raises:
        ConfigurationError: the name or a host is not valid, or a party names hosts.
    """
    if hosts and role is not IdentityRole.PLATFORM:
        raise ConfigurationError("only a platform's certificate names hosts")
    uri = x509.UniformResourceIdentifier(identity_uri(check_name(name), role))
    alternatives = x509.SubjectAlternativeName([uri, *general_names(hosts)])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(common_name(name))
        .add_extension(alternatives, critical=False)
        .sign(key.unwrap(), signing_hash())
    )
    return pem(request)
