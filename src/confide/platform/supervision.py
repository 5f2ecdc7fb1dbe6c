"""Watching one enclave from start to end, in a thread of its own."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from confide.core import enclave_config, limits
from confide.core.errors import NoRoom, PlatformFailed, TransportError
from confide.core.ports import Clock
from confide.core.task_store import TaskStore
from confide.platform import tasks
from confide.platform.ending import Registrar
from confide.platform.launcher import EnclaveProcess, Launcher
from confide.platform.recording import UNRECORDED, Recording
from confide.platform.status_lines import Closed, Event, Phase, Ready, parse

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the host waits for an enclave, seconds."""

    start: float = limits.ENCLAVE_START_SECONDS
    silence: float = limits.HEARTBEAT_SECONDS * limits.HEARTBEATS_MISSED
    stop: float = limits.ENCLAVE_STOP_SECONDS
    life: float = limits.TASK_SECONDS


def next_generation(config: bytes) -> bytes:
    """The configuration of the enclave that takes the place of the one that had this."""
    before = enclave_config.decode(config)
    return msgspec.structs.replace(before, generation=before.generation + 1).encode()


class Supervision:
    """The thread and its task. `cancel` may be called from any other thread."""

    def __init__(
        self,
        task: str,
        config: bytes,
        *,
        launcher: Launcher,
        store: TaskStore,
        registrar: Registrar,
        clock: Clock,
        patience: Patience,
        age: float = 0,
        on_end: Callable[[str], None],
    ) -> None:
        """`age`: seconds since the task was created, if it was taken up from a host that ended."""
        self.task = task
        self._config = config
        self._launcher = launcher
        self._store = store
        self._registrar = registrar
        self._clock = clock
        self._patience = patience
        self._on_end = on_end
        self._deadline = clock.monotonic() + patience.start
        self._last = clock.monotonic() + patience.life - age
        self._ready = False
        decoded = enclave_config.decode(config)
        self.recording = Recording(task, store, clock, decoded.idle_seconds)
        self._successor = decoded.generation > 0
        """Whether parties wait for this enclave already."""
        self._cancelled: str | None = None
        self._closed: Closed | None = None
        self._ignored = 0
        self._pause = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"task-{task[:8]}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def cancel(self, outcome: str) -> None:
        """End the enclave soon; the task's outcome is `outcome` unless the enclave has told its own."""
        self._cancelled = outcome
        self._pause.set()

    def join(self, seconds: float | None = None) -> None:
        """Wait until the end is recorded, or for so long."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self._supervise()
        finally:
            self._on_end(self.task)

    def _supervise(self) -> None:
        pause = limits.FIRST_PAUSE_SECONDS
        while self._live():
            _log.warning("task %s: its enclave has died; another one takes its place", self.task)
            if not self._ready:  # it did not even start: what it needs may be away for a while
                self._pause.wait(pause)
                pause = min(2 * pause, limits.REJOIN_PAUSE_SECONDS)
            self._config = next_generation(self._config)
            self._ready, self._successor = False, True

    def _live(self) -> bool:
        """One enclave from start to end. Returns whether another one is to take its place."""
        if self._cancelled is not None:
            self._record(self._cancelled, None)
            return False
        try:
            process = self._launch()
        except (PlatformFailed, NoRoom) as failure:
            return self._not_launched(failure)
        outcome, again = tasks.DIED, False
        try:
            outcome = self._watch(process)
        finally:
            code = process.end(self._patience.stop)
            again = self._take_up(outcome)
            if not again:
                self._record(outcome, code)
        return again

    def _launch(self) -> EnclaveProcess:
        """Tried again while there is no room for its log. Raises PlatformFailed, NoRoom."""
        while True:
            try:
                process = self._launcher.launch(self.task, self._config)
            except NoRoom as full:
                self.recording.wait_for_room(full)
                if not self._wait_for_room():
                    raise
            else:
                self._deadline = self._clock.monotonic() + self._patience.start
                return process

    def _not_launched(self, failure: TransportError) -> bool:
        """Returns whether another one is to be launched."""
        _log.warning("task %s: %s", self.task, failure, exc_info=failure)
        if isinstance(failure, NoRoom):
            self._record(self._cancelled or tasks.UNRECORDED, None)
            return False
        again = self._take_up(tasks.NOT_STARTED)
        if not again:
            self._record(tasks.NOT_STARTED, None)
        return again

    def _wait_for_room(self) -> bool:
        """A moment. Returns whether it is worth trying again."""
        self._pause.wait(limits.POLL_SECONDS)
        return self._cancelled is None and not self.recording.overdue

    def _take_up(self, outcome: str) -> bool:
        """An enclave that had let parties in, or was to do so in the place of one that had, is replaced."""
        died = outcome in {tasks.DIED, tasks.SILENT} and self._ready
        failed = outcome == tasks.NOT_STARTED and self._successor
        if not (died or failed) or self._closed is not None:
            return False
        try:
            if not tasks.may_be_taken_up(self._store.get(self.task)):
                return False
        except UNRECORDED:
            return False
        while not self.recording.end(lambda: self._store.update(self.task, tasks.taken_up)):
            if not self._wait_for_room():
                return False
        return True

    def _watch(self, process: EnclaveProcess) -> str:
        """Until the enclave's output ends or it is killed.

        Returns the outcome as far as the host knows it.
        """
        mark = process.mark
        if mark is not None:
            self.recording.add(lambda record: tasks.starting(record, mark))
        ending: str | None = None
        last_moment = 0.0
        while (lines := process.read(limits.SUPERVISION_SECONDS)) is not None:
            for line in lines:
                self._hear(parse(line))
            self.recording.catch_up()
            now = self._clock.monotonic()
            if ending is None:
                ending = self._reason_to_end(now)
                if ending is not None:
                    process.ask_to_end()
                    last_moment = now + self._patience.stop
            elif now > last_moment:
                process.kill()
                break
        return ending or (tasks.DIED if self._ready else tasks.NOT_STARTED)

    def _reason_to_end(self, now: float) -> str | None:
        if self._cancelled is not None:
            return self._cancelled
        if self.recording.overdue:
            return tasks.UNRECORDED
        if now > self._last:
            return tasks.TIME_UP
        if now > self._deadline:
            return tasks.SILENT if self._ready else tasks.NOT_STARTED
        return None

    def _hear(self, event: Event | None) -> None:
        match event:
            case None:
                self._ignored += 1
                return
            case Ready(address=address) if not self._ready:
                self._ready = True
                reachable = self._launcher.reachable(address)
                self.recording.add(lambda record: tasks.running(record, reachable))
            case Phase() if self._ready:
                self.recording.add(lambda record: tasks.reported(record, event), report=True)
            case Closed() if self._closed is None:
                self._closed = event
                self._deadline = self._clock.monotonic() + self._patience.stop
            case _:
                pass
        if self._ready and self._closed is None:
            self._deadline = self._clock.monotonic() + self._patience.silence

    def _record(self, outcome: str, code: int | None) -> None:
        if self._ignored:
            _log.info("task %s: %d lines of output were no status", self.task, self._ignored)
        if self._closed is not None:
            outcome, digest = self._closed.outcome, self._closed.receipt_digest
        else:
            digest = None
        while not self._end(outcome, code, digest):
            if self._cancelled == tasks.HOST_STOPPED:
                return  # the next host finds the task unfinished, and takes it up
            self._pause.clear()
            self._pause.wait(limits.POLL_SECONDS)
        _log.info("task %s ended: %s (exit code %s)", self.task, outcome, code)

    def _end(self, outcome: str, code: int | None, digest: str | None) -> bool:
        """False if it could not be recorded: it is tried again, for the parties ask for it."""
        end = partial(self._registrar.end, self.task, outcome, exit_code=code, receipt_digest=digest)
        return self.recording.end(end)
