"""Between a task record and its row. Column names are those of sql/*.sql."""

import sqlite3
from typing import Any

import msgspec

from confide.core.platform_api import EndRecord, TaskKind, TaskState, TaskStatus
from confide.core.task_store import ProcessMark, TaskRecord

Values = dict[str, Any]


def fixed(record: TaskRecord) -> Values:
    """What never changes."""
    status = record.status
    return {
        "id": status.id,
        "name": status.name,
        "kind": status.kind.value,
        "initiator": status.initiator,
        "token": record.token or None,
        "created_at": status.created_at,
    }


def changing(record: TaskRecord) -> Values:
    """What `update` may change."""
    status, process, end = record.status, record.process, record.end
    return {
        "state": status.state.value,
        "enclave_address": status.enclave_address,
        "phase": status.phase,
        "waiting_for": msgspec.json.encode(status.waiting_for).decode(),
        "waiting_what": msgspec.json.encode(status.waiting_what).decode(),
        "waiting_since": status.waiting_since,
        "generation": status.generation,
        "ended_at": status.ended_at,
        "outcome": status.outcome,
        "exit_code": status.exit_code,
        "process_id": process.pid if process else None,
        "process_started": process.started if process else None,
        "receipt_digest": end.receipt_digest if end else None,
        "platform": end.platform if end else None,
        "certificate": end.certificate if end else None,
        "signature": end.signature if end else None,
    }


def record_of(row: sqlite3.Row, participants: list[str]) -> TaskRecord:
    """The record of a row and its participants in order."""
    return TaskRecord(
        status=_status_of(row, participants),
        token=row["token"] or "",
        process=_process_of(row),
        end=_end_of(row),
    )


def _status_of(row: sqlite3.Row, participants: list[str]) -> TaskStatus:
    return TaskStatus(
        id=row["id"],
        name=row["name"],
        kind=TaskKind(row["kind"]),
        state=TaskState(row["state"]),
        initiator=participants[0],
        providers=tuple(participants[1:]),
        created_at=row["created_at"],
        enclave_address=row["enclave_address"],
        phase=row["phase"],
        waiting_for=msgspec.json.decode(row["waiting_for"], type=tuple[str, ...]),
        waiting_what=msgspec.json.decode(row["waiting_what"], type=tuple[str, ...]),
        waiting_since=row["waiting_since"],
        generation=row["generation"],
        ended_at=row["ended_at"],
        outcome=row["outcome"],
        exit_code=row["exit_code"],
    )


def _process_of(row: sqlite3.Row) -> ProcessMark | None:
    if row["process_id"] is None:
        return None
    return ProcessMark(pid=row["process_id"], started=row["process_started"])


def _end_of(row: sqlite3.Row) -> EndRecord | None:
    if row["signature"] is None:
        return None
    return EndRecord(
        task=row["id"],
        outcome=row["outcome"],
        exit_code=row["exit_code"],
        ended_at=row["ended_at"],
        receipt_digest=row["receipt_digest"],
        platform=row["platform"],
        certificate=row["certificate"],
        signature=row["signature"],
    )
