import pytest
from cryptography import x509

from confide.core.errors import ConfigurationError
from confide.crypto.identity import (
    Identity,
    IdentityRole,
    check_name,
    identity_uri,
    parse_identity_uri,
    request_identity,
)


@pytest.mark.parametrize("name", ["a", "a-1", "0", "x" * 63, "a--"])
@pytest.mark.parametrize("role", list(IdentityRole))
def test_uri_goes_round(name, role):
    assert parse_identity_uri(identity_uri(check_name(name), role)) == (name, role)


@pytest.mark.parametrize("name", ["", "A", "-a", "a_b", "a b", "a\n", "é", "x" * 64, "a:b", "a.b"])
def test_names_that_are_none(name):
    with pytest.raises(ConfigurationError):
        check_name(name)
    with pytest.raises(ValueError, match="name"):
        parse_identity_uri(f"urn:confide:party:{name}")


@pytest.mark.parametrize(
    "uri",
    ["", "urn:confide:", "urn:confide:party", "urn:confide:ca:a", "URN:confide:party:a", "party:a"],
)
def test_uris_that_are_none(uri):
    with pytest.raises(ValueError, match=r".+"):
        parse_identity_uri(uri)


def test_request_holds_one_uri_and_the_hosts(key):
    pem = request_identity(key, "platform-c", IdentityRole.PLATFORM, ["localhost", "127.0.0.1", "::1"])
    request = x509.load_pem_x509_csr(pem)
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [type(name).__name__ for name in names] == [
        "UniformResourceIdentifier",
        "DNSName",
        "IPAddress",
        "IPAddress",
    ]
    assert request.is_signature_valid


@pytest.mark.parametrize(
    "host", ["*", "*.example.org", "A.example", "a..b", "-a", "a/b", "a b", "", "x" * 64]
)
def test_hosts_that_are_none(key, host):
    with pytest.raises(ConfigurationError):
        request_identity(key, "c", IdentityRole.PLATFORM, [host])


def test_too_many_hosts(key):
    with pytest.raises(ConfigurationError):
        request_identity(key, "c", IdentityRole.PLATFORM, [f"h{n}" for n in range(17)])


def test_a_party_has_no_hosts(key):
    with pytest.raises(ConfigurationError):
        request_identity(key, "a", IdentityRole.PARTY, ["localhost"])


def test_repr_is_short(key):
    identity = Identity("a", IdentityRole.PARTY, key.public_key, "00" * 48)
    assert repr(identity).startswith("Identity(party a, spki sha384:")
