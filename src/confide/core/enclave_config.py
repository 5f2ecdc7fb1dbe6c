"""Everything about an enclave that the host controls, in one canonical document.

The host writes it, the enclave reads it as one line on standard input, the evidence binds its SHA-384, and
every party receives the very bytes with the evidence: what the host set is known to all, or attestation
fails.
"""

import base64
import binascii
from typing import Final, Literal

import msgspec

from confide.core import canonical, digest, limits, names
from confide.core.errors import RemoteProtocolError
from confide.core.platform_api import TaskKind

FORMAT: Final = "confide-enclave-config/1"
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"


class EnclaveConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Format `confide-enclave-config/1`. Construction raises ValueError for what makes no sense."""

    format: Literal["confide-enclave-config/1"] = FORMAT
    task: str
    """The task's id: 32 hexadecimal characters."""
    kind: TaskKind
    initiator: str
    providers: tuple[str, ...]
    ca_sha384: str
    """Hexadecimal SHA-384 of the DER form of `ca_pem`."""
    ca_pem: str
    """The one CA whose parties the enclave admits."""
    created_at: int
    """By the host's clock; Unix seconds."""
    idle_seconds: int = limits.IDLE_SECONDS
    """How long the enclave waits, without progress, for a party that it needs."""
    generation: int = 0
    """How many enclaves of this task have died before this one."""

    def __post_init__(self) -> None:
        names.check_task_id(self.task)
        names.check_participants(self.initiator, self.providers, most=limits.MAX_PARTICIPANTS)
        if not digest.same(digest.sha384_hex(der_of_pem(self.ca_pem)), self.ca_sha384):
            raise ValueError("ca_sha384 is not the digest of ca_pem")
        if self.created_at < 0 or not 0 < self.idle_seconds <= limits.MAX_IDLE_SECONDS:
            raise ValueError("created_at or idle_seconds is out of range")
        if not 0 <= self.generation <= limits.MAX_TAKEOVERS:
            raise ValueError("generation is out of range")

    @property
    def participants(self) -> tuple[str, ...]:
        return (self.initiator, *self.providers)

    def encode(self) -> bytes:
        """Canonical bytes, without a line break anywhere."""
        return canonical.encode(self)

    @property
    def config_hash(self) -> bytes:
        """48 bytes: what the evidence's `config-hash` must be."""
        return digest.sha384(self.encode())


def decode(data: bytes) -> EnclaveConfig:
    """Read a config from the host or an enclave. Raises RemoteProtocolError, never another error."""
    try:
        return canonical.decode(data, EnclaveConfig, limit=limits.MAX_CONFIG_BYTES)
    except canonical.NotCanonical as cause:
        raise RemoteProtocolError(f"the enclave's config is not valid: {cause}") from None


def der_of_pem(pem: str) -> bytes:
    """DER of a text that is exactly one PEM certificate (RFC 7468). Raises ValueError."""
    lines = pem.strip().splitlines()
    if len(pem) > limits.MAX_CERTIFICATE_BYTES or len(lines) < 3:  # noqa: PLR2004 - begin, body, end
        raise ValueError("not one PEM certificate")
    if lines[0] != _BEGIN or lines[-1] != _END:
        raise ValueError("not one PEM certificate")
    try:
        return base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not one PEM certificate") from None
