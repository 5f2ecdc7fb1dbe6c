import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from confide.core import limits
from confide.core.errors import CertificateInvalid, ConfigurationError
from confide.crypto.ca import init_ca, issue
from confide.crypto.certificates import verify_certificate
from confide.crypto.identity import IdentityRole, request_identity
from confide.crypto.keys import KeyKind
from confide.crypto.x509_profile import common_name

DAY = 86_400


def named(*names):
    return x509.SubjectAlternativeName(list(names))


def uri(text):
    return x509.UniformResourceIdentifier(text)


PARTY_A = uri("urn:confide:party:a")


def crafted(key, names, *, subject=None, extra=None, digest=None):
    """A request that `request_identity` would not make."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        common_name("a") if subject is None else subject
    )
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    if extra is not None:
        builder = builder.add_extension(extra, critical=False)
    return builder.sign(key, digest or SHA384()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("name", ["key", "rsa_key"])
def test_issues_what_verifies(name, request, authority, now, randomness):
    holder = request.getfixturevalue(name)
    ca_key, ca_pem = authority
    certificate = issue(ca_key, ca_pem, request_identity(holder, "a"), now, randomness)
    identity = verify_certificate(certificate, ca_pem, now)
    assert (identity.name, identity.role, identity.public_key) == ("a", IdentityRole.PARTY, holder.public_key)


def test_rsa_ca_issues_too(rsa_key, key, now, randomness, monkeypatch):
    monkeypatch.setattr("confide.crypto.keys.PrivateKey.generate", lambda kind: rsa_key)
    ca_key, ca_pem = init_ca("rsa-ca", KeyKind.RSA_4096, now, randomness)
    certificate = issue(ca_key, ca_pem, request_identity(key, "a"), now, randomness)
    assert verify_certificate(certificate, ca_pem, now).name == "a"


def test_serial_numbers_differ_and_fit(authority, key, now, randomness):
    request = request_identity(key, "a")
    serials = {
        x509.load_pem_x509_certificate(issue(*authority, request, now, randomness)).serial_number
        for _ in range(3)
    }
    assert len(serials) == 3
    assert all(0 < serial < 1 << 159 for serial in serials)


def test_validity(authority, key, now, randomness):
    certificate = x509.load_pem_x509_certificate(
        issue(*authority, request_identity(key, "a"), now, randomness)
    )
    assert certificate.not_valid_before_utc.timestamp() == now - limits.CLOCK_SKEW_SECONDS
    assert certificate.not_valid_after_utc.timestamp() == now + limits.IDENTITY_DAYS * DAY


def test_no_identity_outlives_its_ca(authority, key, now, randomness):
    request = request_identity(key, "a")
    late = now + (limits.CA_DAYS - 10) * DAY
    certificate = x509.load_pem_x509_certificate(issue(*authority, request, late, randomness))
    assert certificate.not_valid_after_utc.timestamp() == now + limits.CA_DAYS * DAY
    with pytest.raises(CertificateInvalid, match="within a day"):
        issue(*authority, request, now + limits.CA_DAYS * DAY - 10, randomness)
    with pytest.raises(CertificateInvalid, match="expired"):
        issue(*authority, request, now + limits.CA_DAYS * DAY + 1, randomness)


BAD_REQUESTS = {
    "no name": (None, {}),
    "two URIs": (named(PARTY_A, uri("urn:confide:party:b")), {}),
    "no URI": (named(x509.DNSName("localhost")), {}),
    "a party with a host": (named(PARTY_A, x509.DNSName("localhost")), {}),
    "the enclave's name": (named(uri("urn:confide:platform:a"), x509.DNSName("confide-enclave")), {}),
    "a wildcard": (named(uri("urn:confide:platform:a"), x509.DNSName("*.example.org")), {}),
    "an e-mail address": (named(uri("urn:confide:platform:a"), x509.RFC822Name("a@example.org")), {}),
    "another URI": (named(uri("https://example.org")), {}),
    "a name of another": (named(uri("urn:confide:party:b")), {}),
    "an unknown role": (named(uri("urn:confide:ca:a")), {}),
    "a bad name": (named(uri("urn:confide:party:A")), {}),
    "a CA": (named(PARTY_A), {"extra": x509.BasicConstraints(ca=True, path_length=None)}),
    "more subject": (
        named(PARTY_A),
        {"subject": x509.Name([*common_name("a"), *common_name("b")])},
    ),
    "no subject": (named(PARTY_A), {"subject": x509.Name([])}),
}


@pytest.mark.parametrize("case", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_requests_outside_the_policy_are_refused(case, authority, key, now, randomness):
    names, changes = case
    with pytest.raises(CertificateInvalid):
        issue(*authority, crafted(key.unwrap(), names, **changes), now, randomness)


def test_a_request_of_another_kind_of_key_is_refused(authority, now, randomness):
    request = crafted(ec.generate_private_key(ec.SECP256R1()), named(PARTY_A), digest=SHA256())
    with pytest.raises(CertificateInvalid, match="P-384"):
        issue(*authority, request, now, randomness)


def test_a_request_for_a_key_that_one_does_not_hold_is_refused(authority, key, other_key, now, randomness):
    """Proof of possession: the public key of another, in a request of the same length."""
    request = x509.load_pem_x509_csr(request_identity(key, "a"))
    forged = request.public_bytes(Encoding.DER).replace(key.public_key, other_key.public_key)
    pem = x509.load_der_x509_csr(forged).public_bytes(Encoding.PEM)
    with pytest.raises(CertificateInvalid, match="not signed by its own key"):
        issue(*authority, pem, now, randomness)


def test_another_keys_ca_certificate_is_refused(authority, foreign_authority, key, now, randomness):
    with pytest.raises(CertificateInvalid, match="another key"):
        issue(authority[0], foreign_authority[1], request_identity(key, "a"), now, randomness)


def test_a_bad_ca_name_is_refused(now, randomness):
    with pytest.raises(ConfigurationError):
        init_ca("Bad Name", KeyKind.P_384, now, randomness)


@pytest.mark.parametrize("change", [0x01, 0x20, 0x80, 0xFF])
def test_every_damaged_byte_of_a_request_is_found(authority, key, now, change):
    der = x509.load_pem_x509_csr(request_identity(key, "a")).public_bytes(Encoding.DER)
    for position in range(len(der)):
        damaged = bytearray(der)
        damaged[position] ^= change
        with pytest.raises(CertificateInvalid):
            issue(*authority, _as_pem(bytes(damaged)), now, None)


@given(st.binary(max_size=300))
def test_arbitrary_requests_raise_nothing_else(authority, now, data):
    for request in (data, _as_pem(data)):
        with pytest.raises(CertificateInvalid):
            issue(*authority, request, now, None)


def _as_pem(der):
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + body + b"-----END CERTIFICATE REQUEST-----\n"
