"""All enclaves of this host: started, cancelled, counted, and ended with it."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from confide.core import limits
from confide.core.ports import Clock
from confide.core.task_store import TaskRecord, TaskStore
from confide.platform import processes, tasks
from confide.platform.ending import Registrar
from confide.platform.launcher import Launcher
from confide.platform.supervision import Patience, Supervision

_log = logging.getLogger(__name__)


class Enclaves:
    """One supervision per running task."""

    def __init__(
        self,
        *,
        launcher: Launcher,
        store: TaskStore,
        registrar: Registrar,
        clock: Clock,
        patience: Patience | None = None,
    ) -> None:
        self._launcher = launcher
        self._store = store
        self._registrar = registrar
        self._clock = clock
        self._patience = patience or Patience()
        self._running: dict[str, Supervision] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def recover(self, config_of: Callable[[TaskRecord], bytes]) -> int:
        """Take up what a killed host has left: for each of its tasks a fresh enclave is started.

        Their processes are ended, if they still run. Returns how many tasks there were. Only before the first
        `start`.
        """
        left = self._store.unfinished()
        for record in left:
            if record.process is not None:
                processes.kill_group(record.process)
            if not tasks.may_be_taken_up(record):
                self._registrar.end(record.id, tasks.HOST_RESTARTED)
                continue
            taken_up = self._store.update(record.id, tasks.taken_up)
            _log.warning("task %s: taken up after the host's end", record.id)
            age = max(0, self._clock.now() - record.status.created_at)
            self.start(record.id, config_of(taken_up), age)
        return len(left)

    def start(self, task: str, config: bytes, age: float = 0) -> None:
        """Start the task's enclave; returns at once, the store tells what becomes of it.

        `age`: seconds since the task was created.
        """
        supervision = Supervision(
            task,
            config,
            launcher=self._launcher,
            store=self._store,
            registrar=self._registrar,
            clock=self._clock,
            patience=self._patience,
            age=age,
            on_end=self._forget,
        )
        with self._lock:
            if self._stopped:
                supervision.cancel(tasks.HOST_STOPPED)
            self._running[task] = supervision
            supervision.start()

    def cancel(self, task: str) -> None:
        """End the task's enclave, if it runs here. Returns when the end is recorded, if that can be soon."""
        with self._lock:
            supervision = self._running.get(task)
        if supervision is not None:
            supervision.cancel(tasks.CANCELLED)
            supervision.join(limits.CALL_SECONDS / 2)

    def no_room_since(self, task: str) -> int | None:
        """Unix seconds since when what has become of the task can't be recorded; None: all is."""
        with self._lock:
            supervision = self._running.get(task)
        return supervision.recording.unwritten_since if supervision is not None else None

    def stop(self) -> None:
        """End all enclaves and wait until their ends are recorded. Idempotent."""
        with self._lock:
            self._stopped = True
            running = tuple(self._running.values())
        for supervision in running:
            supervision.cancel(tasks.HOST_STOPPED)
        for supervision in running:
            supervision.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _forget(self, task: str) -> None:
        with self._lock:
            self._running.pop(task, None)
