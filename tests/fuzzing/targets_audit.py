"""Audit logs and exports, which an auditor gets from somebody else."""

from fakes.logbook import event
from fuzzing.harness import Target
from fuzzing.mutations import json_tree, lines
from fuzzing.targets_data import folder

from confide.audit import chain, entry
from confide.audit.entry import Moment, Object, Operation
from confide.core import canonical
from confide.core.digest import sha384_hex
from confide.core.errors import AuditInvalid

TASK, AT = "0123456789abcdef" * 2, 1_800_000_000


def _log():
    """Three lines: one begins, one is about a dataset, one has failed."""
    previous, made = None, []
    uploaded = Object(kind="dataset", digest="0a" * 48, rows=7, bytes=4096)
    for told in (
        event(Operation.BEGIN),
        event(Operation.UPLOAD, task=TASK, agreement="0b" * 48, object=uploaded),
        event(Operation.UPLOAD, moment=Moment.AFTER, outcome="CFD-120", task=TASK),
    ):
        previous = entry.chained(told, previous, log="urn:confide:party:shop", time=AT)
        made.append(previous.line())
    return made


LINES = _log()
LOG = b"".join(LINES)
EXPORT = (
    canonical.encode(
        chain.ExportHeader(
            log="urn:confide:party:shop", certificate=None, exported_at=AT, entries=3, sha384=sha384_hex(LOG)
        )
    )
    + b"\n"
    + LOG
)


def _entry(data):
    assert entry.decode(data).line() == data + b"\n"


def _read(data):
    """What is found whole is the log as it was, or its start: whatever was altered is named."""
    read = chain.read_chain(folder().put("audit.jsonl", data))
    read.require_whole()
    assert b"".join(found.line() for found in read.entries) == b"".join(LINES[: len(read.entries)])


def targets():
    return [
        Target("audit-entry", [line[:-1] for line in LINES], _entry, (AuditInvalid,), [json_tree], weight=6),
        Target("audit-log", [LOG, EXPORT], _read, (AuditInvalid,), [lines]),
    ]
