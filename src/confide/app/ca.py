"""The CA's directory: ca.key.json (encrypted) and ca.pem."""

from pathlib import Path

from confide.app.identity import make_private_directory, read_public, write_public
from confide.core.ports import Randomness
from confide.crypto.ca import init_ca, issue
from confide.crypto.certificates import verify_certificate
from confide.crypto.identity import Identity
from confide.crypto.keys import KeyKind
from confide.crypto.keystore import load_key, store_key
from confide.crypto.wiping import Secret

CA_KEY_FILE = "ca.key.json"
CA_FILE = "ca.pem"


def create_ca(
    directory: Path, name: str, *, kind: KeyKind, passphrase: Secret, now: int, randomness: Randomness
) -> bytes:
    """Make a CA in `directory`; return its certificate (PEM).

    Raises:
        ConfigurationError: the name is not valid, or the directory can't be made.
        KeyStoreError: there is a CA already, or its key can't be written.
    """
    make_private_directory(directory)
    key, certificate = init_ca(name, kind, now, randomness)
    store_key(directory / CA_KEY_FILE, key, passphrase, randomness)
    write_public(directory / CA_FILE, certificate)
    return certificate


def issue_certificate(
    directory: Path, request: bytes, *, passphrase: Secret, now: int, randomness: Randomness
) -> tuple[Identity, bytes]:
    """Issue for a request; return (who it is for, certificate as PEM).

    Raises:
        ConfigurationError: there is no CA in `directory`.
        KeyStoreError: its key can't be opened.
        CertificateInvalid: the request is refused (`crypto.ca.issue`).
    """
    ca_pem = read_public(directory / CA_FILE)
    key = load_key(directory / CA_KEY_FILE, passphrase)
    certificate = issue(key, ca_pem, request, now, randomness)
    return verify_certificate(certificate, ca_pem, now), certificate
