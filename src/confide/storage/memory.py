"""Tasks kept in memory: for tests and trials. What is kept ends with the process."""

import threading
from collections.abc import Callable

from confide.core.errors import NotFound
from confide.core.platform_api import TaskState
from confide.core.task_store import TaskRecord


class MemoryTaskStore:
    """Implements `core.task_store.TaskStore`."""

    def __init__(self) -> None:
        self._records: dict[str, TaskRecord] = {}
        self._lock = threading.Lock()

    def add(self, record: TaskRecord) -> TaskRecord:
        with self._lock:
            earlier = self._find(record.status.initiator, record.token)
            if earlier is not None:
                return earlier
            if record.id in self._records:
                raise ValueError(f"task {record.id} exists")
            self._records[record.id] = record
            return record

    def find(self, initiator: str, token: str) -> TaskRecord | None:
        with self._lock:
            return self._find(initiator, token)

    def get(self, task: str) -> TaskRecord:
        with self._lock:
            return self._get(task)

    def update(self, task: str, change: Callable[[TaskRecord], TaskRecord]) -> TaskRecord:
        with self._lock:
            self._records[task] = changed = change(self._get(task))
            return changed

    def of_participant(self, name: str, *, most: int) -> tuple[TaskRecord, ...]:
        with self._lock:
            own = [r for r in reversed(self._records.values()) if name in r.status.participants]
            own.sort(key=lambda r: r.status.state is TaskState.ENDED)
            return tuple(own[:most])

    def created_since(self, initiator: str, since: int) -> int:
        with self._lock:
            own = (r.status for r in self._records.values() if r.status.initiator == initiator)
            return sum(status.created_at >= since for status in own)

    def unfinished(self) -> tuple[TaskRecord, ...]:
        with self._lock:
            return tuple(r for r in self._records.values() if r.status.state is not TaskState.ENDED)

    def close(self) -> None:
        """Nothing is held."""

    def _get(self, task: str) -> TaskRecord:
        try:
            return self._records[task]
        except KeyError:
            raise NotFound(f"no task {task}") from None

    def _find(self, initiator: str, token: str) -> TaskRecord | None:
        if not token:
            return None
        own = (r for r in self._records.values() if r.status.initiator == initiator and r.token == token)
        return next(own, None)
