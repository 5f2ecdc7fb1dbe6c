"""A host whose disk is full: the task ends, in words where it can; recorded as soon as there is room."""

import subprocess
import sys
from pathlib import Path

from confide.core.errors import AuditUnavailable, PlatformFailed
from confide.core.platform_api import TaskState
from confide.platform import processes, tasks
from confide.platform.audited import AuditedStore
from confide.storage.memory import MemoryTaskStore


class Full(MemoryTaskStore):
    """Can't be written while `full`."""

    full = False

    def update(self, task, change):
        if self.full:
            raise PlatformFailed("the host's task database can't be used: database or disk is full")
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


def test_an_enclave_that_can_not_be_recorded_is_asked_to_end_and_its_end_is_recorded_later(host_with):
    store = Full()
    host = host_with(GOES_ON, store=store)
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
    host = host_with(GOES_ON, store=store)
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
from confide.core.errors import PlatformFailed
from confide.storage.sqlite import SqliteTaskStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = SqliteTaskStore(Path({path!r}))
store.add(record(1))
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
for number in (2, 3):
    try:
        store.add(record(number))
    except PlatformFailed as error:
        print(error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
store.add(record(4))
print([found.id[-1] for found in store.unfinished()])
store.close()
"""


def test_a_database_that_could_not_be_written_can_be_used_again(tmp_path):
    program = FILLED.format(tests=str(Path(__file__).parents[2]), path=str(tmp_path / "t.sqlite"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:3] == ["CFD-505", "CFD-505", "['1', '4']"], done.stderr
