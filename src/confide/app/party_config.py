"""A party's confide.toml. Paths are relative to the file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from confide.app.files import read_bounded
from confide.attestation import policy
from confide.attestation.policy import (
    AllOf,
    MeasuredInOne,
    MinimumSecurityVersion,
    Product,
    RuntimeMeasurements,
    Signers,
)
from confide.attestation.roots import TrustRoots
from confide.core import limits
from confide.core.errors import ConfigurationError
from confide.protocol.document import Name

T = TypeVar("T")
_REFERENCE = "docs/reference/configuration.md"
DEFAULT_IDENTITY, DEFAULT_AUDIT = "identity", "audit.jsonl"
Port = Annotated[str, msgspec.Meta(pattern=r"^\S+:\d{1,5}$")]


class PlatformEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [platform]."""

    address: Port
    """host:port of the platform's host."""


class AttestationEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [attestation]: which enclaves may see our data."""

    roots: tuple[str, ...]
    """"intel", or PEM files. A simulated machine is trusted only if its root is named here."""
    mrenclave: tuple[str, ...]
    """Accepted measurements, hexadecimal. Without one nothing is accepted."""
    pccs: str
    """URL of the PCCS that serves collateral; our own or the vendor's, never the platform's word alone."""
    rtmr: dict[str, str] = {}
    """For TDX, whose measurement covers the firmware only: "0" to "3" = accepted RTMR, hexadecimal."""
    signer: tuple[str, ...] = ()
    product_id: int | None = None
    minimum_security_version: int = 0
    minimum_collateral_number: int | None = None
    allow_status: tuple[str, ...] = (policy.UP_TO_DATE,)
    allow_dynamic_platform: bool = False
    allow_cached_keys: bool = False
    allow_smt: bool = False


class DataEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [data]: what a provider brings when its consent does not name a dataset."""

    train: str | None = None
    predict: str | None = None


class DirectEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [mpc.direct.NAME]: we and that party can reach each other. One listens, one has the address."""

    listen: Port | None = None
    """Ours: host:port."""
    address: Port | None = None
    """Theirs."""

    def __post_init__(self) -> None:
        if (self.listen is None) == (self.address is None):
            raise ValueError("a direct way has either 'listen' or 'address'")


class MpcEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [mpc]."""

    python: str = ""
    """An interpreter that has spu, where ours does not."""
    direct: dict[Name, DirectEntry] = {}
    """By the other party's name; else through the platform's relay."""


class PartyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    platform: PlatformEntry
    attestation: AttestationEntry
    data: DataEntry = DataEntry()
    mpc: MpcEntry = MpcEntry()
    identity: str = DEFAULT_IDENTITY
    """Directory of `confide identity`."""
    records: str = "tasks"
    """Where agreements, results and receipts are kept, one folder per task."""
    audit: str = DEFAULT_AUDIT
    """Our audit log."""


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration and the folder that its paths are relative to."""

    config: PartyConfig
    base: Path

    def path(self, relative: str) -> Path:
        """A path of the configuration."""
        return self.base / relative

    @property
    def mpc_python(self) -> str:
        """See MpcEntry; empty for our own."""
        named = self.config.mpc.python
        return str(self.path(named)) if named else ""

    def roots(self) -> TrustRoots:
        """The trust roots. Raises ConfigurationError."""
        return TrustRoots.read(self.config.attestation.roots, base=self.base)

    def policy(self) -> AllOf:
        """The attestation policy. Raises ConfigurationError."""
        entry = self.config.attestation
        parts: list[policy.Policy] = [
            policy.standard(
                measurements=entry.mrenclave,
                tcb_statuses=entry.allow_status,
                allow_dynamic_platform=entry.allow_dynamic_platform,
                allow_cached_keys=entry.allow_cached_keys,
                allow_smt=entry.allow_smt,
            ),
            MinimumSecurityVersion(entry.minimum_security_version),
        ]
        if entry.rtmr:
            parts.append(RuntimeMeasurements({_index(key): value for key, value in entry.rtmr.items()}))
        else:
            parts.append(MeasuredInOne())
        if entry.signer:
            parts.append(Signers(entry.signer))
        if entry.product_id is not None:
            parts.append(Product(entry.product_id))
        return AllOf(*parts)


def _index(key: str) -> int:
    if key not in {"0", "1", "2", "3"}:
        raise ConfigurationError(f"attestation.rtmr: '{key}' is not one of 0 to 3")
    return int(key)


def load_config(path: Path) -> LoadedConfig:
    """Raises ConfigurationError, naming the file and the field."""
    return LoadedConfig(read_toml(path, PartyConfig), path.resolve().parent)


_GONE = (
    ". It has gone: the platform's `idle_seconds` is the one time limit for whoever makes no progress, and a "
    "person's consent may take as long as the task may live. Delete the line"
)


def read_toml(path: Path, expected: type[T]) -> T:
    """A TOML file as `expected`. Raises ConfigurationError, naming the file and the field."""
    if not path.exists():
        place = f"in {path.resolve().parent}; {_REFERENCE} says what goes into it"
        raise ConfigurationError(f"{path.name}: No such file {place}")
    data = read_bounded(path, limits.MAX_SETTINGS_BYTES, ConfigurationError)
    try:
        return msgspec.toml.decode(data, type=expected)
    except (msgspec.MsgspecError, ValueError, RecursionError) as cause:
        raise ConfigurationError(f"{path}: {cause}{_gone(cause)}") from None


def _gone(cause: Exception) -> str:
    """A word on settings that earlier versions had."""
    return _GONE if any(f"`{name}`" in str(cause) for name in ("join_seconds", "consent_seconds")) else ""


def convert(value: Any, expected: type[T], where: str) -> T:
    """A part of a TOML file as `expected`. Raises ConfigurationError, naming where it stands."""
    try:
        return msgspec.convert(value, expected)
    except (msgspec.MsgspecError, ValueError) as cause:
        raise ConfigurationError(f"{where}: {cause}") from None
