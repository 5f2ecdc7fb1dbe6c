"""A host whose disk is full: tasks go on, and are recorded as soon as there is room; or end in words."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from unit.platform.conftest import ALICE

from confide.core import limits
from confide.core.errors import AuditUnavailable, NoRoom
from confide.core.platform_api import TaskState
from confide.platform import processes, tasks
from confide.platform.audited import AuditedStore
from confide.storage.memory import MemoryTaskStore


@pytest.fixture(autouse=True)
def tries_often(monkeypatch):
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.05)


class Full(MemoryTaskStore):
    """Can't be written while `full`."""

    full = False

    def update(self, task, change):
        if self.full:
            raise NoRoom("the host's task database can't be used: database or disk is full")
        return super().update(task, change)


GOES_ON = """
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
say("ready", address="127.0.0.1:5")
while not asked:
    say("state", state=f"phase {time.monotonic()}", waiting_for=[])
    time.sleep(0.05)
say("closed", outcome="CFD-118")
sys.exit(11)
"""


def test_a_task_goes_on_while_the_host_has_no_room_and_says_since_when(host_with):
    store = Full()
    host = host_with(GOES_ON, store=store)
    task = host.create()
    before, process = host.wait(task, lambda status: status.phase), store.get(task).process
    assert host.service.get_task(ALICE, task).no_room_since is None
    store.full = True
    host.wait(task, lambda _: host.enclaves.no_room_since(task))
    (listed,) = host.service.list_tasks(ALICE)
    assert before.created_at <= host.service.get_task(ALICE, task).no_room_since == listed.no_room_since
    store.full = False
    host.wait(task, lambda status: status.phase not in {before.phase, listed.phase})
    assert host.service.get_task(ALICE, task).no_room_since is None
    assert processes.mark_of(process.pid) == process


ENDS = GOES_ON.replace("while not asked:", "for _ in range(4):").replace("CFD-118", "completed")


def test_an_end_without_room_is_recorded_after_the_steps_before_it(host_with):
    log = Log()
    store = AuditedStore(Full(), log)
    host = host_with(ENDS, store=store)
    store._inner.full = True
    task = host.create()
    host.wait(task, lambda _: host.enclaves.no_room_since(task))
    store._inner.full = False
    assert host.wait_ended(task).outcome == "completed"
    steps = [step for step in log.told if step[0] in {"launch", "destroy"}]
    assert steps == [("launch", "before"), ("launch", "after"), ("destroy", "after")]


def test_an_enclave_that_died_is_replaced_once_there_is_room(host_with):
    store = Full()
    host = host_with(GOES_ON, store=store)
    task = host.create()
    host.wait(task, lambda status: status.phase)
    store.full = True
    processes.kill_group(store.get(task).process)
    host.wait(task, lambda _: host.enclaves.no_room_since(task))
    store.full = False
    assert host.wait(task, lambda status: status.generation == 1 and status.phase).ended_at is None


def test_an_enclave_for_whose_log_there_is_no_room_is_started_once_there_is(host_with, monkeypatch):
    host, touch, tried = host_with(GOES_ON), Path.touch, []

    def full_at_first(path, **how):
        tried.append(path)
        if len(tried) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        touch(path, **how)

    monkeypatch.setattr(Path, "touch", full_at_first)
    task = host.create()
    assert host.wait(task, lambda status: status.phase).generation == 0


def test_an_enclave_that_can_not_be_recorded_is_asked_to_end_and_its_end_is_recorded_later(host_with):
    store = Full()
    host = host_with(GOES_ON, store=store, idle_seconds=1)
    task = host.create()
    mark = host.wait(task, lambda status: status.phase) and store.get(task).process
    store.full = True
    host.wait(task, lambda _: processes.mark_of(mark.pid) != mark)
    assert host.status(task).state is TaskState.RUNNING
    store.full = False
    status = host.wait_ended(task)
    assert (status.outcome, status.exit_code) == ("CFD-118", 11)


def test_that_an_enclave_could_not_be_started_is_recorded_later(host_with):
    store = Full()
    host = host_with("", store=store, command=("/nowhere/to/be/found",))
    store.full = True
    task = host.create()
    supervision = host.enclaves._running[task]
    supervision.join(0.2)
    assert host.status(task).state is TaskState.CREATED
    store.full = False
    assert host.wait_ended(task).outcome == tasks.NOT_STARTED


def test_a_host_that_stops_with_a_full_disk_leaves_the_task_to_the_next_one(host_with):
    store = Full()
    host = host_with(GOES_ON, store=store)
    task = host.create()
    host.wait(task, lambda status: status.phase)
    store.full = True
    host.enclaves.stop()
    assert host.status(task).state is TaskState.RUNNING
    store.full = False
    following = host_with(GOES_ON, store=store)
    assert following.enclaves.recover(following.service.config_of) == 1
    assert following.wait(task, lambda status: status.phase).generation == 1


class Log:
    """An audit log that can't be written while `full`."""

    actor, full = "cloud", False

    def __init__(self):
        self.told = []

    def append(self, event):
        if self.full:
            raise AuditUnavailable("no space left on device")
        self.told.append((str(event.operation), str(event.moment)))


def test_a_step_that_could_not_be_logged_is_logged_with_the_next_one(host_with):
    log = Log()
    store = AuditedStore(MemoryTaskStore(), log)
    host = host_with(GOES_ON, store=store, idle_seconds=1)
    task = host.create()
    host.wait(task, lambda status: status.phase)
    log.full = True
    mark = store.get(task).process
    host.wait(task, lambda _: processes.mark_of(mark.pid) != mark)
    assert ("destroy", "after") not in log.told
    log.full = False
    host.enclaves.stop()
    assert log.told.count(("destroy", "after")) == 1


FILLED = """
import os, resource, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from contract.test_task_stores import record
from confide.core.errors import NoRoom
from confide.storage.sqlite import SqliteTaskStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = SqliteTaskStore(Path({path!r}))
store.add(record(1))
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
for number in (2, 3):
    try:
        store.add(record(number))
    except NoRoom as error:
        print(error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
store.add(record(4))
print([found.id[-1] for found in store.unfinished()])
store.close()
"""


def test_a_database_that_could_not_be_written_can_be_used_again(tmp_path):
    program = FILLED.format(tests=str(Path(__file__).parents[2]), path=str(tmp_path / "t.sqlite"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:3] == ["CFD-507", "CFD-507", "['1', '4']"], done.stderr


LOGGED = """
import resource, signal, sys
from pathlib import Path
from confide.app.system import SystemClock
from confide.audit.entry import DONE, Event, Moment, Operation
from confide.audit.log import AuditLog
from confide.core.errors import AuditUnavailable, NoRoom
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path({path!r})
kinds = (AuditUnavailable, NoRoom)
event = Event(actor="cloud", operation=Operation.CREATE, moment=Moment.AFTER, outcome=DONE)
party, host = (AuditLog(path, "", SystemClock(), actor="cloud", full=kind) for kind in kinds)
party.append(event)
size = path.stat().st_size
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, before[1]))
for log in (party, host):
    try:
        log.append(event)
    except (AuditUnavailable, NoRoom) as error:
        print(error.code, path.stat().st_size - size)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
print(host.append(event).number - party.latest().number)
"""


def test_an_audit_log_without_room_keeps_no_half_of_an_entry(tmp_path):
    program = LOGGED.format(path=str(tmp_path / "audit.jsonl"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:3] == ["CFD-603 0", "CFD-507 0", "0"], done.stderr
