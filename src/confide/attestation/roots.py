"""The roots that a verifier trusts, and the names they are shown, logged and signed under.

A root's name is computed from its content, never configured: nobody can call a simulated root "intel".
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from confide.core import limits
from confide.core.errors import ConfigurationError

INTEL = "intel"
SIMULATED = "SIMULATED"


class TrustRoots:
    """A non-empty set of root certificates (DER), each with its name."""

    def __init__(self, ders: Iterable[bytes]) -> None:
        """Raises ConfigurationError for an empty set, or for bytes that are no certificate."""
        self._named = {root_name(der): der for der in ders}
        if not self._named:
            raise ConfigurationError("no trust root is named: evidence can never be accepted")

    @classmethod
    def intel(cls) -> "TrustRoots":
        """Intel's SGX and TDX root alone."""
        return cls([_intel()])

    @classmethod
    def read(cls, entries: Sequence[str], *, base: Path | None = None) -> "TrustRoots":
        """From configuration: "intel", or the path of a PEM or DER file (relative to `base`).

        Raises:
            ConfigurationError: unreadable file, no certificate in it, or no entry at all.
        """
        return cls(_intel() if entry == INTEL else _read((base or Path()) / entry) for entry in entries)

    @property
    def names(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(sorted(self._named))

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        return iter(self._named.items())

    def name_of(self, der: bytes) -> str | None:
        """The name of exactly this certificate, or None: it is not trusted."""
        return next((name for name, root in self._named.items() if root == der), None)

    def __repr__(self) -> str:
        return f"TrustRoots({', '.join(self.names)})"


def root_name(der: bytes) -> str:
    """One of "intel", "SIMULATED:<8 hex>" (its subject says so), "root:<8 hex>"; SHA-256 of the DER."""
    if der == _intel():
        return INTEL
    digest = hashlib.sha256(der).hexdigest()[:8]
    return f"{SIMULATED}:{digest}" if SIMULATED in _subject(der) else f"root:{digest}"


def is_simulated(name: str) -> bool:
    """Whether a name made by `root_name` is that of a simulated machine."""
    return name.startswith(SIMULATED)


def _subject(der: bytes) -> str:
    try:
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()
    except (ValueError, TypeError, x509.InvalidVersion) as cause:
        raise ConfigurationError(f"a trust root is no X.509 certificate: {cause}") from None


def _intel() -> bytes:
    return resources.files("confide.attestation").joinpath("roots/intel.der").read_bytes()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limits.MAX_CERTIFICATE_BYTES + 1)
    except OSError as cause:
        raise ConfigurationError(f"trust root {path}: {cause.strerror}") from None
    if not content.lstrip().startswith(b"-----BEGIN"):
        return content
    try:
        return x509.load_pem_x509_certificate(content).public_bytes(Encoding.DER)
    except ValueError:
        raise ConfigurationError(f"trust root {path}: not a PEM certificate") from None
