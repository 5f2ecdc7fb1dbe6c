"""The host's memory of its tasks: the record and the port. Adapters live in storage/."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from confide.core.platform_api import EndRecord, TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMark:
    """Names one process of this machine for good: a pid comes back, a pid with its start time does not."""

    pid: int
    started: int
    """Field 22 of /proc/PID/stat: clock ticks since boot (proc(5))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """All that the host keeps of a task."""

    status: TaskStatus
    token: str = ""
    """The initiator's retry token; empty: none."""
    process: ProcessMark | None = None
    end: EndRecord | None = None

    @property
    def id(self) -> str:
        return self.status.id


class TaskStore(Protocol):
    """Keeps task records. All methods are atomic and may be called from any thread."""

    def add(self, record: TaskRecord) -> TaskRecord:
        """Store a new record. If this initiator has used this token already, return that record instead.

        Raises:
            ValueError: a record with this id exists.
        """
        ...

    def find(self, initiator: str, token: str) -> TaskRecord | None:
        """The record that this initiator's token stands for."""
        ...

    def get(self, task: str) -> TaskRecord:
        """Raises NotFound."""
        ...

    def update(self, task: str, change: Callable[[TaskRecord], TaskRecord]) -> TaskRecord:
        """Replace a record by `change` of it, with no other update in between; what `change` raises passes.

        Of a record, only the status, the process and the end may change; never id, name, kind, participants.

        Raises:
            NotFound: no such task.
        """
        ...

    def of_participant(self, name: str, *, most: int) -> tuple[TaskRecord, ...]:
        """At most `most` records in which `name` takes part: what has not ended first; each newest first."""
        ...

    def created_since(self, initiator: str, since: int) -> int:
        """How many tasks this initiator has created since then (Unix seconds), ended ones included."""
        ...

    def unfinished(self) -> tuple[TaskRecord, ...]:
        """All records whose state is not ENDED, oldest first."""
        ...

    def close(self) -> None:
        """Idempotent."""
        ...
