"""Enclaves as real processes: start, words, heartbeat, cancellation, and every way to end."""

import dataclasses
import json
import os
import signal
import sys
import time

import pytest

from confide.app.system import SystemClock
from confide.core import enclave_config, limits
from confide.core.platform_api import TaskKind, TaskRequest, TaskState
from confide.core.task_store import ProcessMark
from confide.platform import processes, tasks
from confide.platform.supervision import Patience
from confide.storage.memory import MemoryTaskStore


def test_from_start_to_receipt(host_with, programs):
    host = host_with(programs["finishes"])
    task = host.create()
    status = host.wait_ended(task)
    assert (status.state, status.outcome, status.exit_code) == (TaskState.ENDED, "complete", 0)
    assert host.store.get(task).end.receipt_digest == "ab" * 48
    assert status.enclave_address is None
    assert host.store.get(task).process is None


def test_a_running_enclave_shows_its_address_phase_and_whom_it_waits_for(host_with, programs):
    host = host_with(programs["lives"])
    task = host.create()
    status = host.wait(task, lambda status: status.phase)
    assert (status.state, status.enclave_address) == (TaskState.RUNNING, "127.0.0.1:5")
    assert (status.phase, status.waiting_for) == ("joining", ("bob",))
    assert status.waiting_since == 1_800_000_000
    assert processes.mark_of(host.store.get(task).process.pid) == host.store.get(task).process


def test_the_config_comes_on_one_line_and_only_the_given_environment(host_with, monkeypatch):
    monkeypatch.setenv("CONFIDE_PASSPHRASE", "secret")
    host = host_with(
        """
        sys.stderr.write(json.dumps({"config": config, "environment": dict(os.environ)}))
        """,
        environment={"VISIBLE": "yes"},
    )
    task = host.create()
    host.wait_ended(task)
    seen = json.loads((host.logs / f"{task}.log").read_text())
    config = enclave_config.decode(json.dumps(seen["config"], separators=(",", ":"), sort_keys=True).encode())
    assert (config.task, config.participants) == (task, ("alice", "bob"))
    assert seen["environment"].get("VISIBLE") == "yes"
    assert "secret" not in str(seen)
    assert (host.logs / f"{task}.log").stat().st_mode & 0o077 == 0


def test_cancelling_ends_the_process(host_with, programs):
    host = host_with(programs["lives"])
    task = host.create()
    host.wait(task, lambda status: status.phase)
    mark = host.store.get(task).process
    host.enclaves.cancel(task)
    assert host.status(task).outcome == tasks.CANCELLED
    assert host.status(task).exit_code == -signal.SIGTERM
    assert processes.mark_of(mark.pid) != mark
    host.enclaves.cancel(task)
    assert host.status(task).outcome == tasks.CANCELLED


def test_an_enclave_that_ignores_the_request_to_end_is_killed(host_with, programs):
    host = host_with(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + programs["lives"],
        patience=Patience(start=5, silence=5, stop=0.2),
    )
    task = host.create()
    host.wait(task, lambda status: status.phase)
    host.enclaves.cancel(task)
    assert (host.status(task).outcome, host.status(task).exit_code) == (tasks.CANCELLED, -signal.SIGKILL)


def test_an_enclave_that_is_asked_to_end_may_still_say_how(host_with, programs):
    host = host_with(
        """
        def leave(*_):
            # Not print: the signal may have come in the middle of one.
            line = {"event": "closed", "outcome": "cancelled, receipt signed", "receipt_digest": "cd" * 48}
            os.write(1, b"\\n" + json.dumps(line).encode() + b"\\n")
            os._exit(3)
        signal.signal(signal.SIGTERM, leave)
        """
        + programs["lives"].replace("\n", "\n        ")
    )
    task = host.create()
    host.wait(task, lambda status: status.phase)
    host.enclaves.cancel(task)
    assert (host.status(task).outcome, host.status(task).exit_code) == ("cancelled, receipt signed", 3)


@pytest.mark.parametrize(
    ("program", "outcome", "code"),
    [
        ("sys.exit(7)", tasks.NOT_STARTED, 7),
        ('say("ready", address="127.0.0.1:5"); sys.exit(7)', tasks.DIED, 7),
        ('say("ready", address="127.0.0.1:5"); os.kill(os.getpid(), 11)', tasks.DIED, -signal.SIGSEGV),
        ('say("ready", address="127.0.0.1:5"); time.sleep(60)', tasks.SILENT, -signal.SIGTERM),
        ('say("ready", address="not an address"); sys.exit(0)', tasks.NOT_STARTED, 0),
        ('say("state", state="early"); sys.exit(0)', tasks.NOT_STARTED, 0),
        ("os.close(1); time.sleep(60)", tasks.NOT_STARTED, -signal.SIGKILL),
    ],
)
def test_ends_that_the_host_finds(host_with, program, outcome, code, monkeypatch):
    monkeypatch.setattr(limits, "MAX_TAKEOVERS", 0)
    host = host_with(program)
    status = host.wait_ended(host.create())
    assert (status.outcome, status.exit_code) == (outcome, code)


def test_one_that_dies_is_replaced_by_the_next_of_its_task(host_with, monkeypatch):
    """Each with the number of those that died before it in its configuration, at most MAX_TAKEOVERS."""
    monkeypatch.setattr(limits, "MAX_TAKEOVERS", 3)
    host = host_with(
        """
        say("ready", address=f"127.0.0.1:{config['generation'] + 5}")
        sys.exit(7 + config["generation"])
        """
    )
    status = host.wait_ended(host.create())
    assert (status.outcome, status.exit_code, status.generation) == (tasks.DIED, 10, 3)


def test_one_that_can_not_start_in_the_place_of_another_is_tried_again(host_with, monkeypatch):
    """The hardware may be away for a while: what the task needs is not lost with the first try."""
    monkeypatch.setattr(limits, "FIRST_PAUSE_SECONDS", 0.01)
    host = host_with(
        """
        if config["generation"] in {1, 2}:
            sys.exit(7)
        say("ready", address="127.0.0.1:5")
        if config["generation"] == 3:
            say("closed", outcome="complete")
        """
    )
    status = host.wait_ended(host.create())
    assert (status.outcome, status.generation) == ("complete", 3)


def test_one_that_has_told_its_end_is_not_replaced(host_with, programs):
    host = host_with(programs["finishes"] + "sys.exit(3)")
    status = host.wait_ended(host.create())
    assert (status.outcome, status.generation) == ("complete", 0)


def test_one_that_lives_too_long(host_with, programs):
    """However lively it is: no task lives without end."""
    host = host_with(programs["lives"], patience=Patience(start=5, silence=5, stop=1, life=0.5))
    status = host.wait_ended(host.create())
    assert (status.outcome, status.exit_code) == (tasks.TIME_UP, -signal.SIGTERM)


def test_one_that_closes_and_does_not_leave(host_with, programs):
    program = programs["finishes"] + "while True: say('heartbeat'); time.sleep(0.05)"
    host = host_with(program, patience=Patience(start=5, silence=30, stop=0.2))
    status = host.wait_ended(host.create())
    assert (status.outcome, status.exit_code) == ("complete", -signal.SIGTERM)


def test_one_that_never_gets_ready(host_with):
    host = host_with("while True: say('heartbeat'); time.sleep(0.05)", patience=Patience(start=0.4, stop=1))
    assert host.wait_ended(host.create()).outcome == tasks.NOT_STARTED


def test_a_launcher_that_does_not_exist(host_with):
    host = host_with("", command=("/nonexistent/launcher",))
    status = host.wait_ended(host.create())
    assert (status.outcome, status.exit_code) == (tasks.NOT_STARTED, None)


def test_noise_is_ignored(host_with, programs):
    host = host_with(
        """
        print("Gramine is starting. Parsing TOML manifest file...")
        print("{" * 100_000)
        sys.stdout.buffer.write(bytes(range(256)) * 200 + b"\\n")
        """
        + programs["finishes"].replace("\n", "\n        ")
    )
    assert host.wait_ended(host.create()).outcome == "complete"


def test_the_log_is_bounded(host_with, programs, monkeypatch):
    monkeypatch.setattr(limits, "MAX_LOG_BYTES", 1000)
    host = host_with("sys.stderr.write('x' * 300_000); sys.stderr.flush()\n" + programs["finishes"])
    task = host.create()
    assert host.wait_ended(task).outcome == "complete"
    assert (host.logs / f"{task}.log").stat().st_size == 1000


def test_children_of_the_enclave_end_with_it(host_with, programs):
    host = host_with(
        """
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        print(child, file=sys.stderr, flush=True)
        """
        + programs["finishes"].replace("\n", "\n        "),
        patience=Patience(start=30, silence=30, stop=30),
    )
    task = host.create()
    host.wait_ended(task)
    child = int((host.logs / f"{task}.log").read_text())
    deadline = time.monotonic() + 5
    while processes.mark_of(child) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_stopping_the_host_ends_and_records_all(host_with, programs):
    host = host_with(programs["lives"])
    created = [host.create(name=f"task {i}") for i in range(2)]
    for task in created:
        host.wait(task, lambda status: status.phase)
    host.enclaves.stop()
    assert {host.status(task).outcome for task in created} == {tasks.HOST_STOPPED}
    late = host.create(name="too late")
    assert host.wait_ended(late).outcome == tasks.HOST_STOPPED


def test_a_restarted_host_takes_up_what_was_left(host_with, programs):
    """The first host is gone without a word; its enclave still runs."""
    store = MemoryTaskStore()
    orphan = os.posix_spawn(
        sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"], {}, setsid=True
    )
    host = host_with(programs["lives"], store=store)
    mark = processes.mark_of(orphan)
    record = tasks.created(_request(), task="0" * 32, now=SystemClock().now())
    store.add(tasks.starting(record, mark))
    innocent = tasks.created(_request(), task="1" * 32, now=SystemClock().now())
    store.add(tasks.starting(innocent, ProcessMark(pid=os.getpid(), started=mark.started + 1)))
    worn_out = tasks.created(_request(), task="2" * 32, now=SystemClock().now())
    store.add(
        dataclasses.replace(
            worn_out, status=dataclasses.replace(worn_out.status, generation=limits.MAX_TAKEOVERS)
        )
    )
    assert host.enclaves.recover(host.service.config_of) == 3
    assert os.waitpid(orphan, 0)[1] == signal.SIGKILL
    for task in ("0" * 32, "1" * 32):
        assert host.wait(task, lambda status: status.phase).generation == 1
    assert host.status("2" * 32).outcome == tasks.HOST_RESTARTED


def _request():
    return TaskRequest(name="clicks", kind=TaskKind.TRAIN, initiator="alice", providers=("bob",))
