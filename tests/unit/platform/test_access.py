"""Every RPC of the host has a line in the table, and the table is what the service does."""

import itertools

import pytest

from confide.core.errors import AccessDenied
from confide.core.platform_api import Caller, Role, TaskKind, TaskState, TaskStatus
from confide.platform import access
from confide.transport import wire

STATUS = TaskStatus(
    id="0" * 32,
    name="t",
    kind=TaskKind.TRAIN,
    state=TaskState.RUNNING,
    initiator="alice",
    providers=("bob", "carol"),
    created_at=0,
)
CALLERS = {
    "initiator": Caller(name="alice", role=Role.PARTY, certificate=b""),
    "provider": Caller(name="carol", role=Role.PARTY, certificate=b""),
    "stranger": Caller(name="mallory", role=Role.PARTY, certificate=b""),
    "platform named as the initiator": Caller(name="alice", role=Role.PLATFORM, certificate=b""),
}
ALLOWED = {
    "Handshake": {"initiator", "provider", "stranger", "platform named as the initiator"},
    "CreateTask": {"initiator", "provider", "stranger"},
    "ListTasks": {"initiator", "provider", "stranger"},
    "GetTask": {"initiator", "provider"},
    "CancelTask": {"initiator"},
    "EndRecord": {"initiator", "provider"},
    "ExchangeHeads": {"initiator", "provider"},
    "Relay": {"initiator", "provider"},
}


def test_the_table_lists_every_method():
    assert set(access.POLICY) == wire.methods_of("Host") == set(ALLOWED)


@pytest.mark.parametrize(("method", "who"), list(itertools.product(ALLOWED, CALLERS)))
def test_each_method_for_each_caller(method, who):
    if who in ALLOWED[method]:
        access.check(method, CALLERS[who], STATUS)
    else:
        with pytest.raises(AccessDenied):
            access.check(method, CALLERS[who], STATUS)


@pytest.mark.parametrize(
    "method", ["GetTask", "CancelTask", "EndRecord", "ExchangeHeads", "Relay", "Unknown", ""]
)
def test_without_a_task_or_a_line_nobody_may(method):
    with pytest.raises(AccessDenied):
        access.check(method, CALLERS["initiator"])


def test_nobody_creates_in_anothers_name():
    access.check_initiator(CALLERS["initiator"], "alice")
    with pytest.raises(AccessDenied):
        access.check_initiator(CALLERS["stranger"], "alice")
