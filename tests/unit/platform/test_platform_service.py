"""The host's service without a network."""

import dataclasses

import pytest

from confide.core import limits
from confide.core.errors import (
    AccessDenied,
    CertificateInvalid,
    ConfigurationError,
    LimitExceeded,
    LocalProtocolError,
    NotFound,
    RemoteProtocolError,
    SignatureInvalid,
)
from confide.core.platform_api import API_VERSION, Caller, Hello, Role, TaskKind, TaskRequest, TaskState
from confide.core.task_store import ProcessMark
from confide.platform import tasks
from confide.platform.status_lines import Phase
from confide.transport import end_records

ALICE, BOB, CAROL = (
    Caller(name=name, role=Role.PARTY, certificate=b"") for name in ("alice", "bob", "carol")
)


def request(**changes):
    fields = {"name": "clicks", "kind": TaskKind.TRAIN, "initiator": "alice", "providers": ("bob",)}
    return TaskRequest(**{**fields, **changes})


@pytest.fixture
def host(host_with, programs):
    return host_with(programs["finishes"])


@pytest.fixture
def lasting(host_with, programs):
    return host_with(programs["lives"])


def test_handshake(host):
    hello = Hello(api_version=API_VERSION, software="other")
    answer = host.service.handshake(ALICE, hello)
    assert answer == Hello(api_version=API_VERSION, software="test", platform="platform")
    with pytest.raises(RemoteProtocolError, match=f"version {API_VERSION}, the caller 99"):
        host.service.handshake(ALICE, Hello(api_version=99, software="other"))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "-x"},
        {"name": "a\nb"},
        {"name": "x" * 65},
        {"providers": ()},
        {"providers": ("alice",)},
        {"providers": ("bob", "bob")},
        {"providers": ("Bob",)},
        {"providers": ("bob\n",)},
        {"providers": tuple(f"b{i}" for i in range(limits.MAX_PARTICIPANTS))},
        {"token": "x" * 65},
        {"token": "é"},
    ],
)
def test_requests_that_make_no_sense(host, changes):
    with pytest.raises(ConfigurationError):
        host.service.create_task(ALICE, request(**changes))
    assert host.store.unfinished() == ()


def test_who_sees_a_task(lasting):
    task = lasting.create()
    assert lasting.service.get_task(BOB, task).id == task
    assert [status.id for status in lasting.service.list_tasks(BOB)] == [task]
    assert lasting.service.list_tasks(CAROL) == ()
    for call in (lasting.service.get_task, lasting.service.cancel_task, lasting.service.end_record):
        with pytest.raises(AccessDenied):
            call(CAROL, task)
    with pytest.raises(AccessDenied):
        lasting.service.cancel_task(BOB, task)
    with pytest.raises(AccessDenied):
        lasting.service.create_task(BOB, request())


@pytest.mark.parametrize("task", ["", "x", "0" * 32, "0" * 31 + "\n", "../../etc/passwd"])
def test_unknown_tasks(host, task):
    with pytest.raises(NotFound):
        host.service.get_task(ALICE, task)


def test_a_token_makes_creation_safe_to_repeat(lasting):
    first = lasting.service.create_task(ALICE, request(token="once"))
    again = lasting.service.create_task(ALICE, request(token="once"))
    assert again.id == first.id
    with pytest.raises(ConfigurationError, match="another request"):
        lasting.service.create_task(ALICE, request(token="once", name="other"))
    assert len(lasting.store.unfinished()) == 1


def test_limits_on_running_tasks(lasting, monkeypatch):
    monkeypatch.setattr(limits, "MAX_RUNNING_PER_INITIATOR", 1)
    lasting.service.create_task(ALICE, request(token="once"))
    with pytest.raises(LimitExceeded, match="one initiator"):
        lasting.service.create_task(ALICE, request())
    lasting.service.create_task(ALICE, request(token="once"))
    monkeypatch.setattr(limits, "MAX_RUNNING_TASKS", 1)
    with pytest.raises(LimitExceeded, match="at most 1 tasks"):
        lasting.service.create_task(BOB, request(initiator="bob", providers=("alice",)))


def test_cancel_by_the_initiator(lasting):
    task = lasting.create()
    status = lasting.service.cancel_task(ALICE, task)
    assert (status.state, status.outcome) == (TaskState.ENDED, tasks.CANCELLED)
    assert lasting.service.cancel_task(ALICE, task) == status


def test_the_end_record_is_signed(host, authority, foreign_authority):
    task = host.create()
    host.wait_ended(task)
    record = host.service.end_record(BOB, task)
    check = {"task": task, "ca_pem": authority.ca_pem, "now": authority.now}
    end_records.verify(record, **check)
    assert (record.outcome, record.exit_code, record.platform) == ("complete", 0, "platform")
    for change in (
        {"outcome": "declined"},
        {"exit_code": 1},
        {"exit_code": None},
        {"ended_at": record.ended_at + 1},
        {"receipt_digest": None},
        {"platform": "alice"},
        {"signature": record.signature[:-1]},
        {"signature": b""},
        {"certificate": authority.party("alice").certificate_pem.decode(), "platform": "alice"},
    ):
        with pytest.raises(SignatureInvalid):
            end_records.verify(dataclasses.replace(record, **change), **check)
    with pytest.raises(SignatureInvalid, match="another task"):
        end_records.verify(record, **{**check, "task": "0" * 32})
    with pytest.raises(CertificateInvalid):
        end_records.verify(record, **{**check, "ca_pem": foreign_authority.ca_pem})


def test_no_end_record_before_the_end(lasting):
    task = lasting.create()
    with pytest.raises(NotFound, match="not ended"):
        lasting.service.end_record(ALICE, task)


def test_steps_that_the_table_does_not_have():
    record = tasks.created(request(), task="0" * 32, now=5)
    with pytest.raises(LocalProtocolError):
        tasks.running(record, "127.0.0.1:5")
    with pytest.raises(LocalProtocolError):
        tasks.reported(record, Phase(state="x"))
    ended = dataclasses.replace(record, status=dataclasses.replace(record.status, state=TaskState.ENDED))
    for step in (lambda: tasks.starting(ended, ProcessMark(pid=1, started=1)), lambda: tasks.taken_up(ended)):
        with pytest.raises(LocalProtocolError):
            step()
    assert set(tasks.NEXT) == set(TaskState)
