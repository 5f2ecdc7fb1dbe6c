import pytest

from confide.app.ca import create_ca, issue_certificate
from confide.app.identity import create_request, install_certificate, load_identity
from confide.app.system import SystemRandomness
from confide.core.errors import CertificateInvalid, ConfigurationError, KeyStoreError
from confide.crypto.identity import IdentityRole
from confide.crypto.keys import KeyKind

NOW = 1_800_000_000
DAY = 86_400
PASSPHRASE = b"passphrase"
RANDOMNESS = SystemRandomness()


def request_in(directory, name="a"):
    return create_request(
        directory,
        name,
        role=IdentityRole.PARTY,
        kind=KeyKind.P_384,
        hosts=(),
        passphrase=PASSPHRASE,
        randomness=RANDOMNESS,
    )


def ca_in(directory):
    return create_ca(
        directory, "test-ca", kind=KeyKind.P_384, passphrase=PASSPHRASE, now=NOW, randomness=RANDOMNESS
    )


def issue_from(directory, request):
    return issue_certificate(directory, request, passphrase=PASSPHRASE, now=NOW, randomness=RANDOMNESS)[1]


@pytest.fixture
def places(tmp_path):
    """(CA directory, CA certificate, directory of A with an installed identity)."""
    ca_pem = ca_in(tmp_path / "ca")
    certificate = issue_from(tmp_path / "ca", request_in(tmp_path / "a"))
    install_certificate(tmp_path / "a", certificate, ca_pem, NOW)
    return tmp_path / "ca", ca_pem, tmp_path / "a"


def test_loads_what_was_installed(places):
    _, ca_pem, directory = places
    loaded = load_identity(directory, PASSPHRASE, NOW)
    assert (loaded.identity.name, loaded.ca_pem) == ("a", ca_pem)
    assert loaded.private_key.public_key == loaded.identity.public_key
    assert loaded.certificate_pem == (directory / "identity.pem").read_bytes()


def test_files_and_modes(places):
    ca_directory, _, directory = places
    names = {"identity.key.json", "request.pem", "identity.pem", "ca.pem"}
    assert {path.name for path in directory.iterdir()} == names
    assert {path.name for path in ca_directory.iterdir()} == {"ca.key.json", "ca.pem"}
    for private in (directory / "identity.key.json", ca_directory / "ca.key.json"):
        assert private.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o077 == 0


def test_wrong_passphrase_and_expired(places):
    _, _, directory = places
    with pytest.raises(KeyStoreError):
        load_identity(directory, b"other", NOW)
    with pytest.raises(CertificateInvalid, match="expired"):
        load_identity(directory, PASSPHRASE, NOW + 400 * DAY)


def test_another_ones_certificate_is_not_installed(places, tmp_path):
    ca_directory, ca_pem, directory = places
    before = (directory / "identity.pem").read_bytes()
    foreign = issue_from(ca_directory, request_in(tmp_path / "b", "b"))
    with pytest.raises(CertificateInvalid, match="another key"):
        install_certificate(directory, foreign, ca_pem, NOW)
    assert (directory / "identity.pem").read_bytes() == before


def test_a_certificate_of_another_ca_is_not_installed(places, tmp_path):
    other_ca = ca_in(tmp_path / "other-ca")
    _, _, directory = places
    with pytest.raises(CertificateInvalid):
        install_certificate(directory, (directory / "identity.pem").read_bytes(), other_ca, NOW)


def test_a_swapped_certificate_is_found_when_loading(places, tmp_path):
    ca_directory, _, directory = places
    foreign = issue_from(ca_directory, request_in(tmp_path / "b", "b"))
    (directory / "identity.pem").write_bytes(foreign)
    with pytest.raises(CertificateInvalid, match="another key"):
        load_identity(directory, PASSPHRASE, NOW)


def test_keys_are_never_overwritten(places):
    ca_directory, _, directory = places
    with pytest.raises(KeyStoreError, match="exists"):
        request_in(directory)
    with pytest.raises(KeyStoreError, match="exists"):
        ca_in(ca_directory)
    load_identity(directory, PASSPHRASE, NOW)


def test_missing_and_unwritable_places(tmp_path):
    with pytest.raises(ConfigurationError):
        load_identity(tmp_path, PASSPHRASE, NOW)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError):
        request_in(tmp_path / "file" / "a")
    with pytest.raises(ConfigurationError):
        request_in(tmp_path / "x", "Not A Name")
    assert not (tmp_path / "x").exists()
