"""The life of a task at the host: pure steps from one record to the next."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from confide.core import limits, names
from confide.core.errors import ConfigurationError, LocalProtocolError
from confide.core.platform_api import EndRecord, TaskRequest, TaskState, TaskStatus
from confide.core.task_store import ProcessMark, TaskRecord
from confide.platform.status_lines import Phase

NEXT: Final[Mapping[TaskState, frozenset[TaskState]]] = {
    TaskState.CREATED: frozenset({TaskState.STARTING, TaskState.ENDED}),
    TaskState.STARTING: frozenset({TaskState.STARTING, TaskState.RUNNING, TaskState.ENDED}),
    TaskState.RUNNING: frozenset({TaskState.STARTING, TaskState.RUNNING, TaskState.ENDED}),
    TaskState.ENDED: frozenset(),
}
"""Every allowed step; RUNNING to RUNNING is a report of the enclave, back to STARTING its death."""

# Outcomes that the host itself decides; all others are the enclave's words.
CANCELLED: Final = "cancelled"
NOT_STARTED: Final = "the enclave did not start"
DIED: Final = "the enclave died"
SILENT: Final = "the enclave fell silent"
TIME_UP: Final = "the task's time was up"
UNRECORDED: Final = "the host could not keep its records"
HOST_RESTARTED: Final = "host restarted"
HOST_STOPPED: Final = "host stopped"


def created(request: TaskRequest, *, task: str, now: int) -> TaskRecord:
    """A new record. Raises ConfigurationError, naming what is wrong with the request."""
    try:
        names.check_task_name(request.name)
        names.check_participants(request.initiator, request.providers, most=limits.MAX_PARTICIPANTS)
    except ValueError as cause:
        raise ConfigurationError(str(cause)) from None
    if len(request.token) > limits.MAX_TOKEN_LENGTH or not request.token.isascii():
        raise ConfigurationError(f"a token has at most {limits.MAX_TOKEN_LENGTH} ASCII characters")
    status = TaskStatus(
        id=task,
        name=request.name,
        kind=request.kind,
        state=TaskState.CREATED,
        initiator=request.initiator,
        providers=request.providers,
        created_at=now,
    )
    return TaskRecord(status=status, token=request.token)


def same_request(record: TaskRecord, request: TaskRequest) -> bool:
    """Whether a retry asks for what the record was made for."""
    status = record.status
    return (status.name, status.kind, status.initiator, status.providers) == (
        request.name,
        request.kind,
        request.initiator,
        request.providers,
    )


def starting(record: TaskRecord, process: ProcessMark) -> TaskRecord:
    """The enclave's process exists."""
    return dataclasses.replace(record, process=process, status=_step(record, TaskState.STARTING))


def taken_up(record: TaskRecord) -> TaskRecord:
    """Its enclave has died: another one takes its place."""
    nothing = {"enclave_address": None, "waiting_for": (), "waiting_what": (), "waiting_since": None}
    generation = record.status.generation + 1
    status = _step(record, TaskState.STARTING, generation=generation, phase="", **nothing)
    return dataclasses.replace(record, process=None, status=status)


def may_be_taken_up(record: TaskRecord) -> bool:
    """Whether another enclave may take the place of this one."""
    return record.status.generation < limits.MAX_TAKEOVERS


def running(record: TaskRecord, address: str) -> TaskRecord:
    """The enclave listens at `address`."""
    return dataclasses.replace(record, status=_step(record, TaskState.RUNNING, enclave_address=address))


def reported(record: TaskRecord, told: Phase) -> TaskRecord:
    """The enclave has told its state. Of those it waits for, only participants are shown."""
    known = tuple(name for name in record.status.participants if name in told.waiting_for)
    since = told.waiting_since if known else None
    what = dict(zip(told.waiting_for, told.waiting_what, strict=False))
    states = tuple(what.get(name, "") for name in known)
    waits = {"waiting_for": known, "waiting_what": states, "waiting_since": since}
    status = _step(record, TaskState.RUNNING, phase=told.state, **waits)
    return dataclasses.replace(record, status=status)


def ended(record: TaskRecord, end: EndRecord) -> TaskRecord:
    """Final: the record of a task that has ended stays as it is."""
    if record.status.state is TaskState.ENDED:
        return record
    status = _step(
        record,
        TaskState.ENDED,
        enclave_address=None,
        waiting_for=(),
        waiting_what=(),
        waiting_since=None,
        ended_at=end.ended_at,
        outcome=end.outcome,
        exit_code=end.exit_code,
    )
    return dataclasses.replace(record, status=status, process=None, end=end)


def _step(record: TaskRecord, state: TaskState, **changes: Any) -> TaskStatus:
    if state not in NEXT[record.status.state]:
        raise LocalProtocolError(f"task {record.id}: no step from {record.status.state} to {state}")
    return dataclasses.replace(record.status, state=state, **changes)
