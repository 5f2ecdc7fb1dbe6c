"""A second `provider serve` of one party: it stands aside, and goes on should the first one end."""

import threading
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from confide.app.party import LOCKS, Party
from confide.app.provide import ProviderService
from confide.core import limits
from confide.core.errors import TaskInUse
from confide.core.platform_api import TaskKind, TaskState, TaskStatus
from confide.storage.lock import FileLock

TASK = "a" * 32
STATUS = TaskStatus(
    id=TASK,
    name="clicks",
    kind=TaskKind.TRAIN,
    state=TaskState.RUNNING,
    initiator="shop",
    providers=("media",),
    created_at=0,
    enclave_address="127.0.0.1:5",
)


class Media:
    """Its records and lock, and a host that knows one task."""

    me, at_work, folder = "media", Party.at_work, nullcontext

    def __init__(self, base):
        self.config = SimpleNamespace(path=base.joinpath, config=SimpleNamespace(records="tasks"))

    def host(self):
        return SimpleNamespace(list_tasks=lambda: (STATUS,), close=lambda: None)


class Service(ProviderService):
    """What comes after the lock is known from elsewhere (tests/e2e)."""

    def _take_part_in(self, host, status, *_):
        assert (host.list_tasks(), status.id) == ((STATUS,), TASK)
        with pytest.raises(TaskInUse), self._party.at_work(status.id):
            pass


def test_a_second_service_stands_aside_and_goes_on_when_the_first_has_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "REJOIN_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.02)
    told, twice = [], threading.Event()

    def tell(event):
        told.append(event.name)
        if told.count("in-use") > 1:
            twice.set()

    locks = tmp_path / "tasks" / LOCKS
    locks.mkdir(parents=True)
    first = FileLock(locks / TASK, TaskInUse("held"))
    service = Service(Media(tmp_path), None, lambda _: tell, most=1)
    running = threading.Thread(target=service.run, args=(threading.Event(),), daemon=True)
    running.start()
    assert twice.wait(5)
    first.release()
    running.join(5)
    assert set(told[:-1]) == {"in-use"}
    assert (told[-1], service.errors, list(locks.iterdir())) == ("ended", [], [])
