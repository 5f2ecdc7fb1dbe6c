"""A host without processes: its service over memory, and over real loopback TLS."""

from dataclasses import dataclass, field

from fakes.ports import SeededRandomness

from confide.app.platform import _identify, head_rate
from confide.audit.heads import HeadKeeper
from confide.audit.log import AuditLog
from confide.core.platform_api import Caller, Role, TaskKind, TaskRequest
from confide.crypto.identity import IdentityRole, identity_uri
from confide.platform import tasks
from confide.platform.heads import HeadDesk
from confide.platform.service import PlatformService
from confide.storage.memory import MemoryTaskStore
from confide.transport.host_client import HostClient
from confide.transport.host_server import serve_host


@dataclass
class NoEnclaves:
    """Implements what the service asks of `Enclaves`: tasks that start and end at once, without processes."""

    store: MemoryTaskStore
    started: list = field(default_factory=list)

    def start(self, task, config):
        self.started.append(task)

    def cancel(self, task):
        self.started.remove(task)


def request(initiator="alice", **changes):
    fields = {"name": "clicks", "kind": TaskKind.TRAIN, "initiator": initiator, "providers": ("bob",)}
    return TaskRequest(**(fields | changes))


def service_of(authority, clock, folder):
    holder = authority.platform("cloud")
    log = AuditLog(folder / "audit.jsonl", identity_uri("cloud", IdentityRole.PLATFORM), clock, actor="cloud")
    keeper = HeadKeeper(
        log=log,
        signer=holder.key,
        certificate_pem=holder.certificate_pem.decode(),
        ca_pem=authority.ca_pem,
        clock=clock,
    )
    store = MemoryTaskStore()
    return PlatformService(
        store=store,
        enclaves=NoEnclaves(store),
        heads=HeadDesk(keeper, head_rate(clock.monotonic)),
        clock=clock,
        randomness=SeededRandomness(),
        platform="cloud",
        software="0",
        ca_pem=authority.ca_pem.decode(),
    )


def serve(authority, service, clock):
    """No time passes for its rates."""
    return serve_host(
        "127.0.0.1:0",
        service,
        identify=_identify(authority.ca_pem, clock),
        monotonic=lambda: 0.0,
        **authority.platform().tls,
        ca_pem=authority.ca_pem,
    )


def client(host, authority, name):
    return HostClient(host.address, **authority.party(name).tls, ca_pem=authority.ca_pem)


def caller(name):
    return Caller(name=name, role=Role.PARTY, certificate=b"")


def end(service, task, at=0):
    """As the registrar would."""
    record = tasks.EndRecord(
        task=task,
        outcome=tasks.CANCELLED,
        exit_code=None,
        ended_at=at,
        receipt_digest=None,
        platform="cloud",
        certificate="",
        signature=b"",
    )
    service._store.update(task, lambda old: tasks.ended(old, record))
