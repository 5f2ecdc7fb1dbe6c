"""Composition of the platform's host: configuration, identity, store, launcher, server."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from confide.app.audit import keeper_of, log_of
from confide.app.files import make_private_folder
from confide.app.identity import LoadedIdentity
from confide.app.party_config import read_toml
from confide.core import limits
from confide.core.errors import AccessDenied, CertificateInvalid, ConfigurationError
from confide.core.platform_api import Caller, Role
from confide.core.ports import Clock, Randomness
from confide.core.task_store import TaskRecord, TaskStore
from confide.core.version import VERSION
from confide.crypto.certificates import verify_certificate
from confide.platform.audited import AuditedService, AuditedStore, WriteRates
from confide.platform.enclaves import Enclaves
from confide.platform.ending import Registrar
from confide.platform.heads import HeadDesk
from confide.platform.launcher import Launcher
from confide.platform.service import PlatformService
from confide.platform.supervision import Patience
from confide.storage.sqlite import SqliteTaskStore, unfinished_in
from confide.transport.host_server import serve_host
from confide.transport.rates import CallRate

_SECRET_VARIABLES = frozenset({"CONFIDE_PASSPHRASE"})


class LauncherConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [launcher]."""

    command: tuple[str, ...]
    """Program and arguments that start one enclave; the config goes to its standard input."""
    environment: tuple[str, ...] = ("PATH", "HOME", "LANG")
    """Names of the host's variables that the enclave's launcher may see."""
    public_host: str = ""
    """Name or address under which parties reach enclaves, where it is not the one that enclaves listen at."""
    task_seconds: int = limits.TASK_SECONDS
    """How long an enclave may live; then it is ended, whatever it does."""
    idle_seconds: int = limits.IDLE_SECONDS
    """How long a task waits for a party without any progress."""

    def __post_init__(self) -> None:
        if not self.command:
            raise ValueError("launcher.command is empty")
        if _SECRET_VARIABLES & set(self.environment):
            raise ValueError("launcher.environment may not name a passphrase")
        if not 0 < self.idle_seconds <= limits.MAX_IDLE_SECONDS:
            raise ValueError(f"launcher.idle_seconds is 1 to {limits.MAX_IDLE_SECONDS}")
        if not 0 < self.task_seconds <= limits.MAX_TASK_SECONDS:
            raise ValueError(f"launcher.task_seconds is 1 to {limits.MAX_TASK_SECONDS}")


class PlatformConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A platform.toml. Paths are relative to the file."""

    address: str = "127.0.0.1:7443"
    """host:port to listen at; port 0: any."""
    identity: str = "identity"
    """Directory of the platform's identity (`confide identity request --role platform`)."""
    database: str = "platform.sqlite"
    logs: str = "logs"
    """Directory of the enclaves' logs, one file per task."""
    audit: str = "audit.jsonl"
    """The platform's audit log."""
    launcher: LauncherConfig


@dataclass(frozen=True, slots=True)
class RunningPlatform:
    """What the operator is told."""

    name: str
    address: str
    recovered: int
    """Tasks that an earlier, killed host had left running: each has got a fresh enclave now."""


def read_config(path: Path) -> PlatformConfig:
    """Raises ConfigurationError, naming the file and the field."""
    return read_toml(path, PlatformConfig)


def unfinished(config: Path) -> tuple[TaskRecord, ...]:
    """The tasks that have not ended, oldest first. Raises ConfigurationError."""
    return unfinished_in(config.parent / read_config(config).database)


@contextmanager
def running(
    config: PlatformConfig, base: Path, identity: LoadedIdentity, *, clock: Clock, randomness: Randomness
) -> Iterator[RunningPlatform]:
    """The platform, serving until the context ends: then every enclave is ended, and its end recorded.

    Paths of `config` are relative to `base`.

    Raises:
        ConfigurationError: the identity is not a platform's, the database or the address can't be used.
        AuditUnavailable, AuditInvalid: the audit log can't be written.
    """
    _check_role(identity)
    log = log_of(base / config.audit, identity.identity, clock)
    log.latest()
    store = AuditedStore(SqliteTaskStore(base / config.database), log)
    try:
        enclaves = _enclaves(config, base, identity, store, clock)
        service = PlatformService(
            store=store,
            enclaves=enclaves,
            heads=HeadDesk(keeper_of(log, identity, clock), head_rate(clock.monotonic)),
            clock=clock,
            randomness=randomness,
            platform=identity.identity.name,
            software=VERSION,
            ca_pem=identity.ca_pem.decode("ascii"),
            idle_seconds=config.launcher.idle_seconds,
        )
        recovered = enclaves.recover(service.config_of)
        with (
            enclaves,
            serve_host(
                config.address,
                AuditedService(service, log, write_rates(clock.monotonic)),
                identify=_identify(identity.ca_pem, clock),
                key_pem=identity.private_key.to_pem_unencrypted(),
                certificate_pem=identity.certificate_pem,
                ca_pem=identity.ca_pem,
            ) as server,
        ):
            yield RunningPlatform(identity.identity.name, server.address, recovered)
    finally:
        store.close()


def head_rate(monotonic: Callable[[], float]) -> Callable[[bytes], None]:
    """How often one party's heads for one task are kept."""
    return CallRate("heads for one task", limits.HEAD_BURST, limits.HEAD_SECONDS, monotonic).check


def write_rates(monotonic: Callable[[], float]) -> WriteRates:
    """What keeps callers from filling the disk with our audit log."""
    changes = CallRate("creating and cancelling", limits.CHANGE_BURST, limits.CHANGE_SECONDS, monotonic)
    refusals = CallRate("refusals of one kind", 1, limits.REFUSAL_SECONDS, monotonic)
    return WriteRates(changes=changes.check, refusals=refusals.check)


def _check_role(identity: LoadedIdentity) -> None:
    if identity.identity.role.value != Role.PLATFORM.value:
        raise ConfigurationError(
            f"{identity.identity.name} is a party; a platform needs an identity made with --role platform"
        )


def _enclaves(
    config: PlatformConfig, base: Path, identity: LoadedIdentity, store: TaskStore, clock: Clock
) -> Enclaves:
    logs = base / config.logs
    make_private_folder(logs)
    names = config.launcher.environment
    launcher = Launcher(
        command=config.launcher.command,
        environment={name: os.environ[name] for name in names if name in os.environ},
        logs=logs,
        public_host=config.launcher.public_host,
    )
    registrar = Registrar(
        store=store,
        clock=clock,
        signer=identity.private_key,
        platform=identity.identity.name,
        certificate_pem=identity.certificate_pem.decode("ascii"),
    )
    patience = Patience(life=config.launcher.task_seconds)
    return Enclaves(launcher=launcher, store=store, registrar=registrar, clock=clock, patience=patience)


def _identify(ca_pem: bytes, clock: Clock) -> Callable[[bytes], Caller]:
    def identify(certificate: bytes) -> Caller:
        try:
            identity = verify_certificate(certificate, ca_pem, clock.now())
        except CertificateInvalid as refused:
            raise AccessDenied(refused.message) from None
        return Caller(name=identity.name, role=Role(identity.role.value), certificate=certificate)

    return identify
