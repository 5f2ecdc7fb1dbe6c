"""What has become of one task, recorded step by step; kept while the host has no room for it."""

import logging
from collections.abc import Callable

from confide.core import limits
from confide.core.errors import AuditInvalid, AuditUnavailable, ConfideError, NoRoom, PlatformFailed
from confide.core.ports import Clock
from confide.core.task_store import TaskRecord, TaskStore

Step = Callable[[TaskRecord], TaskRecord]
UNRECORDED = (NoRoom, PlatformFailed, AuditUnavailable, AuditInvalid)
"""A full disk, say: the task's record or the audit log could not be written."""

_log = logging.getLogger(__name__)


class Recording:
    """Steps reach the store in their order. One that can't be written waits, as do those after it.

    Used by one thread; `unwritten_since` may be read by any.
    """

    def __init__(self, task: str, store: TaskStore, clock: Clock, patience: float) -> None:
        """`patience`: seconds for which a task may go on unrecorded."""
        self._task = task
        self._store = store
        self._clock = clock
        self._patience = patience
        self._steps: list[tuple[Step, bool]] = []
        self._last_try = 0.0
        self._deadline: float | None = None
        self.unwritten_since: int | None = None
        """Unix seconds; None: all is recorded."""

    @property
    def overdue(self) -> bool:
        """Whether the task has gone on unrecorded for as long as it may."""
        return self._deadline is not None and self._clock.monotonic() > self._deadline

    def add(self, step: Step, *, report: bool = False) -> None:
        """Record it now, or as soon as that is possible. `report`: takes the place of a report before it."""
        if report and self._steps and self._steps[-1][1]:
            self._steps.pop()
        self._steps.append((step, report))
        self.catch_up()

    def catch_up(self) -> bool:
        """Try what waits, once in POLL_SECONDS. Returns whether nothing is left."""
        now = self._clock.monotonic()
        if self._deadline is not None and now < self._last_try + limits.POLL_SECONDS:
            return not self._steps
        self._last_try = now
        return self._written(self._write_all)

    def _written(self, write: Callable[[], object]) -> bool:
        """Whether `write` went through; what it failed with is told in the log, once."""
        try:
            write()
        except UNRECORDED as failure:
            self.wait_for_room(failure)
            return False
        if self._deadline is not None:
            _log.warning("task %s is recorded again", self._task)
        self._deadline = self.unwritten_since = None
        return True

    def wait_for_room(self, failure: ConfideError) -> None:
        """From now on, if not already, the task is one that could not be recorded."""
        if self._deadline is None:
            _log.warning("task %s can't be recorded: %s", self._task, failure)
            self._deadline = self._clock.monotonic() + self._patience
            self.unwritten_since = self._clock.now()

    def _write_all(self) -> None:
        while self._steps:
            self._store.update(self._task, self._steps[0][0])
            self._steps.pop(0)

    def end(self, last: Callable[[], object]) -> bool:
        """What waits, then `last`. Returns whether both are recorded; if not, `last` is forgotten."""

        def write() -> None:
            self._write_all()
            last()

        return self._written(write)
