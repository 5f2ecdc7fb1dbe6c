"""The host's audit log: who asked for what, and what enclaves told in status lines (spec/audit.md)."""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confide.audit.entry import DONE, Event, Moment, Object, Operation
from confide.audit.log import AuditLog
from confide.core import limits
from confide.core.errors import AccessDenied, ConfideError, PlatformFailed, TooManyCalls
from confide.core.names import TASK_ID
from confide.core.platform_api import (
    Caller,
    EndRecord,
    Hello,
    HostService,
    RelayRequest,
    SignedHead,
    TaskRequest,
    TaskState,
    TaskStatus,
)
from confide.core.ports import Link
from confide.core.task_store import TaskRecord, TaskStore
from confide.platform import access

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRates:
    """How often callers have something written. Each counts one for a key, or raises TooManyCalls."""

    changes: Callable[[bytes], None]
    """CreateTask and CancelTask, by caller."""
    refusals: Callable[[bytes], None]
    """By caller and what was refused."""


class _Refusals:
    """Which refusals are written: not what repeats one, which is counted. Of MAX_RATED_CALLERS kinds."""

    def __init__(self, rate: Callable[[bytes], None]) -> None:
        self._rate = rate
        self._repeated: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def repeated_before(self, key: bytes) -> int | None:
        """How many were not written since the last that was; None if this one is not to be written either."""
        with self._lock:
            try:
                self._rate(key)
            except TooManyCalls:
                self._repeated[key] = self._repeated.get(key, 0) + 1
                if len(self._repeated) > limits.MAX_RATED_CALLERS:
                    self._repeated.popitem(last=False)
                return None
            return self._repeated.pop(key, 0)


class AuditedService:
    """A HostService that logs what changes something, and refusals. Called from several threads."""

    def __init__(self, inner: HostService, log: AuditLog, rates: WriteRates) -> None:
        self._inner, self._log, self._rates = inner, log, rates
        self._known_refusals = _Refusals(rates.refusals)

    def handshake(self, caller: Caller, hello: Hello) -> Hello:
        """See HostService."""
        with self._refusals(caller, ""):
            return self._inner.handshake(caller, hello)

    def create_task(self, caller: Caller, request: TaskRequest) -> TaskStatus:
        """See HostService."""
        with self._refusals(caller, "", Operation.CREATE):
            access.check("CreateTask", caller)
            access.check_initiator(caller, request.initiator)
            self._rates.changes(caller.name.encode())
        self._tell(caller, Operation.CREATE, None)
        try:
            status = self._inner.create_task(caller, request)
        except ConfideError as error:
            self._tell(caller, Operation.CREATE, error.code)
            raise
        self._tell(caller, Operation.CREATE, DONE, status.id)
        return status

    def get_task(self, caller: Caller, task: str) -> TaskStatus:
        """See HostService."""
        with self._refusals(caller, task):
            return self._inner.get_task(caller, task)

    def list_tasks(self, caller: Caller) -> tuple[TaskStatus, ...]:
        """See HostService."""
        with self._refusals(caller, ""):
            return self._inner.list_tasks(caller)

    def cancel_task(self, caller: Caller, task: str) -> TaskStatus:
        """See HostService."""
        with self._refusals(caller, "", Operation.CANCEL):
            self._rates.changes(caller.name.encode())
        self._tell(caller, Operation.CANCEL, None, task)
        try:
            status = self._inner.cancel_task(caller, task)
        except ConfideError as error:
            self._tell(caller, Operation.CANCEL, error.code, task)
            raise
        self._tell(caller, Operation.CANCEL, DONE, task)
        return status

    def end_record(self, caller: Caller, task: str) -> EndRecord:
        """See HostService."""
        with self._refusals(caller, task):
            return self._inner.end_record(caller, task)

    def exchange_heads(self, caller: Caller, head: SignedHead) -> tuple[SignedHead, ...]:
        """See HostService. What is kept is logged where it is kept (platform/heads.py)."""
        with self._refusals(caller, head.task):
            return self._inner.exchange_heads(caller, head)

    def relay(self, caller: Caller, request: RelayRequest, leg: Link) -> int:
        """See HostService."""
        self._tell(caller, Operation.RELAY, None, request.task)
        try:
            brought = self._inner.relay(caller, request, leg)
        except ConfideError as error:
            self._tell(caller, Operation.RELAY, error.code, request.task)
            raise
        what = Object(kind="relay", bytes=brought)
        self._tell(caller, Operation.RELAY, DONE, request.task, what)
        return brought

    @contextmanager
    def _refusals(self, caller: Caller, task: str, operation: Operation = Operation.LOOK) -> Iterator[None]:
        """The first of a kind is written; the next one that is says how many there were in between."""
        try:
            yield
        except (AccessDenied, TooManyCalls) as refused:
            key = f"{caller.name} {operation} {refused.code} {task}".encode()
            before = self._known_refusals.repeated_before(key)
            if before is not None:
                what = Object(kind="repeated", rows=before) if before else None
                self._tell(caller, operation, refused.code, task, what)
            raise

    def _tell(
        self,
        caller: Caller,
        operation: Operation,
        outcome: str | None,
        task: str = "",
        what: Object | None = None,
    ) -> None:
        moment = Moment.BEFORE if outcome is None else Moment.AFTER
        known = task if TASK_ID.fullmatch(task) else None
        self._log.append(
            Event(
                actor=caller.name,
                operation=operation,
                moment=moment,
                outcome=outcome,
                task=known,
                object=what,
            )
        )


class AuditedStore:
    """A TaskStore that logs the life of each enclave, as its record changes."""

    def __init__(self, inner: TaskStore, log: AuditLog) -> None:
        self._inner, self._log = inner, log
        self._owed: dict[str, list[tuple[TaskStatus, TaskRecord]]] = {}
        """Steps of a task that are recorded and not logged yet: the log could not be written."""
        self.find, self.get = inner.find, inner.get
        self.of_participant, self.created_since = inner.of_participant, inner.created_since
        self.unfinished, self.close = inner.unfinished, inner.close

    def add(self, record: TaskRecord) -> TaskRecord:
        """See TaskStore. An enclave is started for a record as soon as it is there."""
        self._tell(record.id, Operation.LAUNCH, None)
        return self._inner.add(record)

    def update(self, task: str, change: Callable[[TaskRecord], TaskRecord]) -> TaskRecord:
        """See TaskStore. Raises AuditUnavailable; then the step is logged with the task's next one."""
        seen: list[TaskStatus] = []

        def noting(record: TaskRecord) -> TaskRecord:
            seen[:] = [record.status]
            return change(record)

        changed = self._inner.update(task, noting)
        owed = self._owed.setdefault(task, [])
        owed.append((seen[0], changed))
        while owed:
            self._compare(*owed[0])
            owed.pop(0)
        del self._owed[task]
        return changed

    def _compare(self, before: TaskStatus, record: TaskRecord) -> None:
        after, task = record.status, record.id
        if before.state is not after.state:
            if after.state is TaskState.RUNNING:
                self._tell(task, Operation.LAUNCH, DONE)
            if before.state is TaskState.RUNNING and after.state is TaskState.STARTING:
                self._tell(task, Operation.DESTROY, DONE, _named("outcome", "the enclave died"))
                self._tell(task, Operation.LAUNCH, None)
            if after.state is TaskState.ENDED:
                self._ended(before, record)
        elif before.phase != after.phase:
            self._tell(task, Operation.REPORT, DONE, _named("phase", after.phase), enclave=True)

    def _ended(self, before: TaskStatus, record: TaskRecord) -> None:
        if before.state is not TaskState.RUNNING:
            self._tell(record.id, Operation.LAUNCH, PlatformFailed.code)
        receipt = record.end.receipt_digest if record.end else None
        what = Object(kind="receipt", digest=receipt) if receipt else None
        self._tell(record.id, Operation.DESTROY, DONE, what or _named("outcome", record.status.outcome or ""))

    def _tell(
        self,
        task: str,
        operation: Operation,
        outcome: str | None,
        what: Object | None = None,
        *,
        enclave: bool = False,
    ) -> None:
        us = self._log.actor
        self._log.append(
            Event(
                actor=f"enclave as told to {us}" if enclave else us,
                operation=operation,
                moment=Moment.BEFORE if outcome is None else Moment.AFTER,
                outcome=outcome,
                task=task,
                object=what,
            )
        )


def _named(kind: str, name: str) -> Object:
    """An enclave's words, as far as they are a name."""
    return Object(kind=kind, name=name if _NAME.fullmatch(name) else None)
