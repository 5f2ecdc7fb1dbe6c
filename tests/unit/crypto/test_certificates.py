from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from confide.core import limits
from confide.core.errors import CertificateInvalid, ConfigurationError
from confide.crypto.ca import issue
from confide.crypto.certificates import (
    certificate_fingerprint,
    certificate_to_pem,
    check_key_matches,
    enclave_certificate,
    public_key_of_certificate,
    verify_certificate,
)
from confide.crypto.identity import IdentityRole, request_identity
from confide.crypto.x509_profile import common_name, key_usage

DAY = 86_400
BOTH = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
PARTY_A = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:confide:party:a")])


@pytest.fixture
def certificate(authority, key, now, randomness):
    return issue(*authority, request_identity(key, "a"), now, randomness)


def der_of(pem):
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def crafted(authority, key, now, *, subject=None, leave_out=(), digest=None, **changes):
    """A certificate of the CA, with single parts unlike what `issue` makes."""
    ca_key, ca_pem = authority
    parts = {
        "constraints": (x509.BasicConstraints(ca=False, path_length=None), True),
        "usage": (key_usage(issues_certificates=False), True),
        "purposes": (x509.ExtendedKeyUsage(BOTH), False),
        "names": (PARTY_A, False),
    } | changes
    start = datetime.fromtimestamp(now, UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or common_name("a"))
        .issuer_name(x509.load_pem_x509_certificate(ca_pem).subject)
        .public_key(key.unwrap().public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
    )
    for name, (extension, critical) in parts.items():
        if name not in leave_out:
            builder = builder.add_extension(extension, critical=critical)
    return builder.sign(ca_key.unwrap(), digest or SHA384()).public_bytes(Encoding.PEM)


def test_pem_and_der_are_one(certificate, authority, key, now):
    identity = verify_certificate(certificate, authority[1], now)
    assert identity == verify_certificate(der_of(certificate), authority[1], now)
    assert certificate_to_pem(der_of(certificate)) == certificate_to_pem(certificate) == certificate
    assert identity.fingerprint == certificate_fingerprint(certificate)
    assert identity.public_key == public_key_of_certificate(certificate) == key.public_key


def test_platform_with_hosts(authority, key, now, randomness):
    request = request_identity(key, "c", IdentityRole.PLATFORM, ["localhost", "127.0.0.1"])
    identity = verify_certificate(issue(*authority, request, now, randomness), authority[1], now)
    assert (identity.name, identity.role) == ("c", IdentityRole.PLATFORM)


def test_time(certificate, authority, now):
    start, end = now - limits.CLOCK_SKEW_SECONDS, now + limits.IDENTITY_DAYS * DAY
    verify_certificate(certificate, authority[1], end)
    for moment in (start - 1, end + 1):
        with pytest.raises(CertificateInvalid):
            verify_certificate(certificate, authority[1], moment)


def test_another_ca_of_the_same_name(certificate, foreign_authority, now):
    with pytest.raises(CertificateInvalid):
        verify_certificate(certificate, foreign_authority[1], now)


def test_an_identity_is_no_ca(certificate, key, now, randomness):
    with pytest.raises(CertificateInvalid):
        verify_certificate(certificate, certificate, now)
    with pytest.raises(CertificateInvalid):
        issue(key, certificate, request_identity(key, "b"), now, randomness)


def test_a_ca_is_no_identity(authority, now):
    with pytest.raises(CertificateInvalid):
        verify_certificate(authority[1], authority[1], now)


def test_what_the_helper_crafts_verifies_when_nothing_is_changed(authority, key, now):
    assert verify_certificate(crafted(authority, key, now), authority[1], now).name == "a"


BAD_PARTS = {
    "no constraints": {"leave_out": ["constraints"]},
    "a CA": {"constraints": (x509.BasicConstraints(ca=True, path_length=None), True)},
    "no usage": {"leave_out": ["usage"]},
    "may not sign": {"usage": (key_usage(issues_certificates=True), True)},
    "no purposes": {"leave_out": ["purposes"]},
    "client only": {"purposes": (x509.ExtendedKeyUsage(BOTH[:1]), False)},
    "server only": {"purposes": (x509.ExtendedKeyUsage(BOTH[1:]), False)},
    "no names": {"leave_out": ["names"]},
    "SHA-256": {"digest": SHA256()},
    "unknown critical part": {
        "extra": (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
    },
}


@pytest.mark.parametrize("changes", BAD_PARTS.values(), ids=BAD_PARTS.keys())
def test_certificates_outside_the_profile_are_refused(changes, authority, key, now):
    with pytest.raises(CertificateInvalid):
        verify_certificate(crafted(authority, key, now, **changes), authority[1], now)


def test_an_unknown_part_that_is_not_critical_is_allowed(authority, key, now):
    extra = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False)
    verify_certificate(crafted(authority, key, now, extra=extra), authority[1], now)


def test_a_root_that_may_sign_but_is_no_ca_is_refused(authority, key, now):
    parts = {
        "constraints": (x509.BasicConstraints(ca=False, path_length=None), True),
        "usage": (key_usage(issues_certificates=True), True),
    }
    root = crafted(authority, authority[0], now, subject=_subject_of(authority[1]), **parts)
    with pytest.raises(CertificateInvalid, match="not a CA's"):
        verify_certificate(crafted(authority, key, now), root, now)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("serial", [0x00, 0x87])
def test_a_serial_number_is_positive(authority, key, now, serial):
    """The library's builder makes no such certificate: change it and sign again."""
    signed = x509.load_pem_x509_certificate(crafted(authority, key, now)).tbs_certificate_bytes
    changed = signed.replace(
        b"\xa0\x03\x02\x01\x02\x02\x01\x07", b"\xa0\x03\x02\x01\x02\x02\x01" + bytes([serial])
    )
    signature = authority[0].unwrap().sign(changed, ec.ECDSA(SHA384()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040303")
    body = changed + algorithm + b"\x03" + bytes([len(signature) + 1]) + b"\x00" + signature
    der = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    with pytest.raises(CertificateInvalid, match="serial"):
        verify_certificate(der, authority[1], now)


def _subject_of(pem):
    return x509.load_pem_x509_certificate(pem).subject


def test_one_certificate_at_a_time(certificate, authority, now):
    with pytest.raises(CertificateInvalid, match="more than one"):
        verify_certificate(certificate + authority[1], authority[1], now)
    with pytest.raises(CertificateInvalid, match="longer"):
        verify_certificate(certificate + bytes(limits.MAX_CERTIFICATE_BYTES), authority[1], now)
    with pytest.raises(CertificateInvalid):
        verify_certificate(der_of(certificate) + b"\x00", authority[1], now)


def test_key_matches(certificate, authority, key, other_key, now):
    identity = verify_certificate(certificate, authority[1], now)
    check_key_matches(identity, key)
    check_key_matches(identity, key.public_key)
    with pytest.raises(CertificateInvalid, match="another key"):
        check_key_matches(identity, other_key)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("change", [0x01, 0x20, 0x80, 0xFF])
def test_every_damaged_byte_is_found(authority, key, now, change):
    good, ca = der_of(crafted(authority, key, now)), der_of(authority[1])
    for position in range(len(good)):
        with pytest.raises(CertificateInvalid):
            verify_certificate(flipped(good, position, change), ca, now)
    for position in range(len(ca)):
        with pytest.raises(CertificateInvalid):
            verify_certificate(good, flipped(ca, position, change), now)


def flipped(data, position, change):
    damaged = bytearray(data)
    damaged[position] ^= change
    return bytes(damaged)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_else(authority, now, data):
    for certificate in (data, b"-----BEGIN CERTIFICATE-----\n" + data):
        with pytest.raises(CertificateInvalid):
            verify_certificate(certificate, authority[1], now)
        with pytest.raises(CertificateInvalid):
            public_key_of_certificate(certificate)


def test_enclave_certificate(key, now, randomness):
    pem = enclave_certificate(key, ["127.0.0.1", "enclave.example.org"], now, randomness)
    certificate = x509.load_pem_x509_certificate(pem)
    certificate.verify_directly_issued_by(certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["confide-enclave", "enclave.example.org"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert public_key_of_certificate(pem) == key.public_key


def test_enclave_certificate_is_no_identity(key, authority, now, randomness):
    pem = enclave_certificate(key, [], now, randomness)
    for root in (authority[1], pem):
        with pytest.raises(CertificateInvalid):
            verify_certificate(pem, root, now)
    with pytest.raises(ConfigurationError):
        enclave_certificate(key, ["not a host"], now, randomness)
