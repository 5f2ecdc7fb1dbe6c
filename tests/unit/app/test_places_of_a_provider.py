"""Which tasks `confide provider serve` takes up, where more ask than it has places."""

import threading
from types import SimpleNamespace

import pytest
from fakes.authority import Authority
from fakes.host_alone import caller, end, request, service_of
from fakes.places import Taking, running
from fakes.ports import FakeClock

from confide.core import limits
from confide.core.task_store import ProcessMark
from confide.platform import tasks

PLACES = limits.MAX_TASKS_OF_PROVIDER


@pytest.fixture
def stop():
    event = threading.Event()
    yield event
    event.set()


def test_there_are_so_many_places_and_no_more(tmp_path, stop):
    asked = [running(i, f"initiator{i}") for i in range(PLACES + 3)]
    assert len(Taking(tmp_path).look(asked, stop)) == PLACES


def test_initiators_whom_no_rule_names_share_one_place(tmp_path, stop):
    """With a policy they will be declined: they are told so, one after another, and keep nobody out."""
    asked = [running(i, f"stranger{i}") for i in range(PLACES)]
    known = [running(50 + i, who) for i, who in enumerate(["alice", "carol"] * 2)]
    taken = Taking(tmp_path, known={"alice", "carol"}.__contains__).look([*asked, *known], stop)
    assert taken == ["alice", "alice", "carol", "carol", "stranger0"]


def test_a_provider_that_restarts_finds_its_task_behind_newer_ones(tmp_path, stop):
    """All of them have ended; the host lists only so many."""
    authority = Authority()
    service = service_of(authority, FakeClock(authority.now), tmp_path)
    ours = service.create_task(caller("alice"), request("alice")).id
    mark = ProcessMark(pid=1, started=1)
    service._store.update(ours, lambda old: tasks.running(tasks.starting(old, mark), "127.0.0.1:5"))
    for number in range(limits.MAX_LISTED_TASKS):
        end(service, service.create_task(caller("mallory"), request("mallory", name=f"t{number}")).id)
    serve = Taking(tmp_path)
    serve._look(SimpleNamespace(list_tasks=lambda: service.list_tasks(caller("bob"))), stop)
    assert serve.taken == ["alice"]
