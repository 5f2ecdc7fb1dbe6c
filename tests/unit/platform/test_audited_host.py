"""What the host's log tells: who asked for what, refusals, the life of enclaves, heads kept and given."""

import dataclasses

import pytest
from fakes.logbook import Owners

from confide.app.platform import write_rates
from confide.audit.chain import read_chain
from confide.audit.entry import Operation
from confide.audit.heads import HeadKeeper
from confide.audit.log import AuditLog
from confide.audit.verify import unfinished
from confide.core.errors import AccessDenied, AuditUnavailable, NotFound, RemoteProtocolError
from confide.core.platform_api import Caller, Hello, Role, TaskKind, TaskRequest
from confide.platform.audited import AuditedService, AuditedStore
from confide.storage.memory import MemoryTaskStore

ALICE = Caller(name="alice", role=Role.PARTY, certificate=b"")
MALLORY = Caller(name="mallory", role=Role.PARTY, certificate=b"")
REQUEST = TaskRequest(name="clicks", kind=TaskKind.TRAIN, initiator="alice", providers=("bob",))


@pytest.fixture
def log(tmp_path, host_with):
    return AuditLog(
        tmp_path / "host.jsonl", "urn:confide:platform:platform", Owners(tmp_path).clock, actor="platform"
    )


@pytest.fixture
def told(log):
    def tell():
        chain = read_chain(log.path)
        chain.require_whole()
        return chain.entries

    return tell


def host(host_with, log, program):
    made = host_with(program, store=AuditedStore(MemoryTaskStore(), log))
    return made, AuditedService(made.service, log, write_rates(lambda: 0.0))


def steps(entries):
    return [(entry.actor, str(entry.operation), entry.outcome) for entry in entries[1:]]


def test_a_task_from_its_creation_to_its_end(host_with, log, told, programs):
    made, service = host(host_with, log, programs["finishes"])
    task = service.create_task(ALICE, REQUEST).id
    made.wait_ended(task)
    made.enclaves.stop()
    entries = told()
    assert set(steps(entries)) == {
        ("alice", "create", None),
        ("platform", "launch", None),
        ("alice", "create", "done"),
        ("platform", "launch", "done"),
        ("platform", "destroy", "done"),
    }
    assert steps(entries)[:2] == [("alice", "create", None), ("platform", "launch", None)]
    assert entries[-1].object.digest == "ab" * 48
    assert {entry.task for entry in entries[2:]} == {task}
    assert unfinished(entries) == []


def test_what_the_enclave_reports_and_a_cancellation(host_with, log, told, programs):
    made, service = host(host_with, log, programs["lives"])
    task = service.create_task(ALICE, REQUEST).id
    made.wait(task, lambda status: status.phase == "joining")
    service.cancel_task(ALICE, task)
    entries = told()
    (report,) = [entry for entry in entries if entry.operation is Operation.REPORT]
    assert (report.actor, report.object.name) == ("enclave as told to platform", "joining")
    cancels = [entry.outcome for entry in entries if entry.operation is Operation.CANCEL]
    assert cancels == [None, "done"]
    assert entries[-2].object.name == "cancelled"


def test_an_enclave_that_does_not_start(host_with, log, told):
    made, service = host(host_with, log, "sys.exit(1)")
    task = service.create_task(ALICE, REQUEST).id
    made.wait_ended(task)
    made.enclaves.stop()
    launches = [entry.outcome for entry in told() if entry.operation is Operation.LAUNCH]
    assert launches == [None, "CFD-505"]


@pytest.mark.parametrize(
    "call",
    [
        lambda service, task: service.get_task(MALLORY, task),
        lambda service, task: service.end_record(MALLORY, task),
        lambda service, task: service.cancel_task(MALLORY, task),
        lambda service, task: service.create_task(MALLORY, REQUEST),
    ],
)
def test_every_refusal_is_told(host_with, log, told, programs, call):
    _, service = host(host_with, log, programs["lives"])
    task = service.create_task(ALICE, REQUEST).id
    with pytest.raises(AccessDenied):
        call(service, task)
    last = [entry for entry in told() if entry.actor == "mallory"][-1]
    assert last.outcome == "CFD-503"


def test_looking_at_ones_own_tasks_is_not_told(host_with, log, told, programs):
    _, service = host(host_with, log, programs["lives"])
    task = service.create_task(ALICE, REQUEST).id
    service.handshake(ALICE, Hello(api_version=1, software="x"))
    service.get_task(ALICE, task)
    service.list_tasks(ALICE)
    with pytest.raises(NotFound):
        service.end_record(ALICE, task)
    assert {entry.operation for entry in told()} <= {Operation.BEGIN, Operation.CREATE, Operation.LAUNCH}


def test_what_can_not_be_logged_is_not_done(host_with, log, programs):
    made, service = host(host_with, log, programs["lives"])
    log.latest()
    log.path.chmod(0o644)
    with pytest.raises(AuditUnavailable):
        service.create_task(ALICE, REQUEST)
    assert made.store.unfinished() == ()


# --- heads -----------------------------------------------------------------------------------------------


@pytest.fixture
def keeper_of(authority, tmp_path):
    def make(name, log_name=None):
        holder = authority.party(name)
        uri = f"urn:confide:party:{log_name or name}"
        clock = Owners(tmp_path).clock
        return HeadKeeper(
            log=AuditLog(tmp_path / f"{name}.jsonl", uri, clock, actor=name),
            signer=holder.key,
            certificate_pem=holder.certificate_pem.decode(),
            ca_pem=authority.ca_pem,
            clock=clock,
        )

    return make


def test_heads_are_kept_and_those_of_others_handed_on(host_with, log, tmp_path, programs, keeper_of):
    _, service = host(host_with, log, programs["lives"])
    task = service.create_task(ALICE, REQUEST).id
    alice, bob = keeper_of("alice"), keeper_of("bob")
    given = alice.make(task)
    (own,) = service.exchange_heads(ALICE, given)
    assert own.log == "urn:confide:platform:platform"
    own, others = service.exchange_heads(dataclasses.replace(ALICE, name="bob"), bob.make(task))
    assert others == given
    bob.check(own, task=task)
    bob.check(others, task=task)
    kept = [entry.head for entry in read_chain(tmp_path / "audit.jsonl").entries if entry.head]
    assert given in [head.head() for head in kept]


def test_a_head_that_is_not_the_callers_is_refused(host_with, log, programs, keeper_of):
    _, service = host(host_with, log, programs["lives"])
    task = service.create_task(ALICE, REQUEST).id
    with pytest.raises(AccessDenied, match="by the owner"):
        service.exchange_heads(ALICE, keeper_of("bob").make(task))
    with pytest.raises(RemoteProtocolError, match="signed by bob"):
        service.exchange_heads(ALICE, keeper_of("bob", "alice").make(task))
    altered = dataclasses.replace(keeper_of("alice").make(task), digest="ab" * 48)
    with pytest.raises(RemoteProtocolError, match="not signed"):
        service.exchange_heads(ALICE, altered)


def test_only_participants_exchange_heads(host_with, log, programs, keeper_of):
    _, service = host(host_with, log, programs["lives"])
    task = service.create_task(ALICE, REQUEST).id
    with pytest.raises(AccessDenied, match="ExchangeHeads"):
        service.exchange_heads(MALLORY, keeper_of("mallory").make(task))
    with pytest.raises(NotFound):
        service.exchange_heads(ALICE, keeper_of("alice").make("f" * 32))
