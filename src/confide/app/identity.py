"""An identity's directory: identity.key.json (encrypted), request.pem, identity.pem, ca.pem."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from confide.app.files import read_bounded
from confide.core import limits
from confide.core.errors import ConfigurationError
from confide.core.ports import Randomness
from confide.crypto.certificates import check_key_matches, verify_certificate
from confide.crypto.identity import Identity, IdentityRole, check_name, request_identity
from confide.crypto.keys import KeyKind, PrivateKey
from confide.crypto.keystore import load_key, store_key, stored_public_key
from confide.crypto.wiping import Secret

KEY_FILE = "identity.key.json"
REQUEST_FILE = "request.pem"
CERTIFICATE_FILE = "identity.pem"
CA_FILE = "ca.pem"


@dataclass(frozen=True, slots=True)
class LoadedIdentity:
    """What a process needs to be somebody."""

    identity: Identity
    private_key: PrivateKey
    certificate_pem: bytes
    ca_pem: bytes


def create_request(
    directory: Path,
    name: str,
    *,
    role: IdentityRole,
    kind: KeyKind,
    hosts: Sequence[str],
    passphrase: Secret,
    randomness: Randomness,
) -> bytes:
    """Make a key in `directory` and a request for its certificate; return the request (PEM).

    Raises:
        ConfigurationError: the name or a host is not valid, or the directory can't be made.
        KeyStoreError: there is a key already, or it can't be written.
    """
    check_name(name)
    make_private_directory(directory)
    key = PrivateKey.generate(kind)
    request = request_identity(key, name, role, hosts)
    store_key(directory / KEY_FILE, key, passphrase, randomness)
    write_public(directory / REQUEST_FILE, request)
    return request


def install_certificate(directory: Path, certificate: bytes, ca_pem: bytes, now: int) -> Identity:
    """Check an issued certificate against our key and the CA, then keep both; needs no passphrase.

    Raises:
        CertificateInvalid: it is not from this CA, not valid at `now`, or for another key.
        KeyStoreError: there is no key in the directory.
    """
    identity = verify_certificate(certificate, ca_pem, now)
    check_key_matches(identity, stored_public_key(directory / KEY_FILE))
    write_public(directory / CA_FILE, ca_pem)
    write_public(directory / CERTIFICATE_FILE, certificate)
    return identity


def load_identity(directory: Path, passphrase: Secret, now: int) -> LoadedIdentity:
    """Open the key and check the certificate against it and the CA, as a peer would, at `now`.

    Raises:
        ConfigurationError: a file is missing.
        CertificateInvalid: the certificate is not valid at `now`, or for another key.
        KeyStoreError: the key can't be opened.
    """
    certificate = read_public(directory / CERTIFICATE_FILE)
    ca_pem = read_public(directory / CA_FILE)
    identity = verify_certificate(certificate, ca_pem, now)
    key = load_key(directory / KEY_FILE, passphrase)
    check_key_matches(identity, key)
    return LoadedIdentity(identity, key, certificate, ca_pem)


def make_private_directory(directory: Path) -> None:
    """Make `directory`, closed to other users, unless it is there. Raises ConfigurationError."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as cause:
        raise ConfigurationError(f"{directory} can't be made: {cause.strerror}") from None


def write_public(path: Path, data: bytes) -> None:
    """Write a file that is no secret, replacing it whole. Raises ConfigurationError."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as cause:
        raise ConfigurationError(f"{path} can't be written: {cause.strerror}") from None


def read_public(path: Path) -> bytes:
    """A certificate or request, at most MAX_CERTIFICATE_BYTES. Raises ConfigurationError."""
    return read_bounded(path, limits.MAX_CERTIFICATE_BYTES, ConfigurationError)
