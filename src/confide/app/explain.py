"""One time line of a task, out of all that its party may see; what went wrong first, and who must act.

Our journal and our audit log, with what the enclave told us in both of them; what the host says; and audit
logs that others have handed us.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from confide.app.records import Ended, read_ended, read_events
from confide.audit.chain import read_chain
from confide.audit.entry import DONE, Entry, Moment, Operation
from confide.core import errors
from confide.core.errors import (
    ConfideError,
    ConfigurationError,
    Fault,
    OfferDeclined,
    PlatformFailed,
    TaskCancelled,
)
from confide.core.platform_api import TaskState, TaskStatus

HOST = "the host"
_COMPLETED = "completed"
_FOLLOWS = frozenset({"CFD-301", "CFD-501", "CFD-502", "CFD-504"})
"""What is seen of an end whose cause lies elsewhere."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, by somebody's word."""

    at: int
    who: str
    what: str
    source: str
    """Where it is written: `journal`, `audit`, `host`, `audit of NAME`."""
    code: str | None = None
    """Of the error that it was."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why a task did not complete."""

    at: int
    code: str | None
    what: str
    told_by: str
    act: str
    """Who must act: a name, or in words."""
    remedy: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A task as far as it can be told here."""

    task: str
    state: str
    """`completed`, `ended`, `waiting`, `running`, or `unknown`."""
    events: tuple[Event, ...]
    cause: Cause | None
    waiting_for: tuple[str, ...]
    waiting_since: int | None
    remarks: tuple[str, ...]
    """What could not be looked at, and why."""

    def document(self) -> dict[str, Any]:
        """Plain JSON."""
        return dict(msgspec.to_builtins(self))


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to merge."""

    task: str
    me: str
    folder: Path
    audit: Path
    status: TaskStatus | None
    """The host's; None if it can't be had, and why is in `remarks`."""
    others: tuple[Path, ...] = ()
    remarks: tuple[str, ...] = ()


def explain(sources: Sources) -> Explanation:
    """Merge, and find the first cause.

    Raises:
        ConfigurationError: a file can't be read.
        AuditInvalid: a log holds entries of more than one owner.
    """
    remarks = list(sources.remarks)
    ended = read_ended(sources.folder)
    events = [*_journal(sources), *_of_host(sources.status)]
    for path, source in _logs(sources):
        events += _audit(path, source, sources.task, remarks)
    if ended is not None:
        what = f"the task ended: {ended.code} {ended.reason}"
        events.append(Event(at=ended.at, who=sources.me, what=what, source="journal", code=ended.code))
    events.sort(key=lambda event: event.at)
    if not events:
        raise ConfigurationError(f"nothing is known here of task {sources.task}")
    state = _state(sources.status, ended, events)
    waiting = sources.status is not None and sources.status.state is not TaskState.ENDED
    return Explanation(
        task=sources.task,
        state=state,
        events=tuple(events),
        cause=_cause(sources, ended, events) if state == "ended" else None,
        waiting_for=sources.status.waiting_for if sources.status and waiting else (),
        waiting_since=sources.status.waiting_since if sources.status and waiting else None,
        remarks=tuple(remarks),
    )


# --- sources ---------------------------------------------------------------------------------------------


def _journal(sources: Sources) -> Iterator[Event]:
    """A run of the same message is one event, at the time of its first."""
    runs = groupby(
        read_events(sources.folder), key=lambda line: (line["way"], line["message"], line["state"])
    )
    for (way, message, state), lines in runs:
        at = [line["at"] for line in lines]
        often = f" ({len(at)} times)" if len(at) > 1 else ""
        who, said = (sources.me, "said") if way == "said" else ("enclave", "told us")
        yield Event(at=at[0], who=who, what=f"{said} '{message}'{often}; then: {state}", source="journal")


def _of_host(status: TaskStatus | None) -> Iterator[Event]:
    if status is None:
        return
    yield Event(at=status.created_at, who=status.initiator, what=f"created '{status.name}'", source="host")
    if status.waiting_since is not None and status.state is not TaskState.ENDED:
        names = ", ".join(status.waiting_for)
        yield Event(at=status.waiting_since, who="enclave", what=f"began to wait for {names}", source="host")
    if status.ended_at is not None:
        what = f"recorded the end: {status.outcome} (exit code {status.exit_code})"
        failed = status.outcome if status.outcome in _kinds() else None
        yield Event(at=status.ended_at, who=HOST, what=what, source="host", code=failed)


def _logs(sources: Sources) -> Iterator[tuple[Path, str]]:
    if sources.audit.exists():
        yield sources.audit, "audit"
    for path in sources.others:
        yield path, "audit of "


def _audit(path: Path, source: str, task: str, remarks: list[str]) -> Iterator[Event]:
    """Only what our own journal does not tell better: the other logs whole, ours where something was done."""
    chain = read_chain(path)
    if chain.broken:
        remarks.append(f"{chain.name}: {chain.broken}")
    owner = chain.owner.rpartition(":")[2]
    named = source if source == "audit" else f"{source}{owner or path.name}"
    for entry in chain.entries:
        if entry.task == task and entry.operation is not Operation.HEAD:
            yield Event(
                at=entry.time,
                who=entry.actor,
                what=_words(entry),
                source=named,
                code=entry.outcome if entry.outcome in _kinds() else None,
            )


def _words(entry: Entry) -> str:
    if entry.moment is Moment.BEFORE:
        return f"{entry.operation} begins"
    named = f" {entry.object.name}" if entry.object and entry.object.name else ""
    rows = f", {entry.object.rows:,} rows" if entry.object and entry.object.rows is not None else ""
    return f"{entry.operation}{named}{rows}: {entry.outcome or DONE}"


# --- judgement -------------------------------------------------------------------------------------------


def _kinds() -> dict[str, type[ConfideError]]:
    return errors.leaves(ConfideError)


def _state(status: TaskStatus | None, ended: Ended | None, events: Sequence[Event]) -> str:
    if status is not None:
        if status.state is TaskState.ENDED:
            return _COMPLETED if status.outcome == _COMPLETED else "ended"
        return "waiting" if status.waiting_for else "running"
    if ended is not None:
        return "ended"
    closed = any("then: closed" in event.what for event in events if event.source == "journal")
    return _COMPLETED if closed else "unknown"


def _cause(sources: Sources, ended: Ended | None, events: Iterable[Event]) -> Cause:
    """The earliest failure that is not merely the sight of another one; in our own words, if we have them."""
    failed = [event for event in events if event.code]
    outcome = sources.status.outcome if sources.status else None
    first = min(failed, key=lambda event: (_follows(event, outcome), event.at), default=None)
    if first is None or _follows(first, outcome):
        if ended is not None and outcome is None:
            return _named(sources, ended.at, ended.code, ended.reason, ended.blame, told_by=sources.me)
        return _by_host(sources, outcome or "nobody has told how it ended")
    if ended is not None and first.code == ended.code:
        return _named(sources, ended.at, ended.code, ended.reason, ended.blame, told_by=sources.me)
    doc = (_kinds()[first.code or ""].__doc__ or "").splitlines()[0]
    return _named(sources, first.at, first.code or "", doc, None, told_by=first.who)


def _follows(event: Event, outcome: str | None) -> bool:
    """Whether there must be another cause: we only saw that the enclave was gone."""
    gone = event.code == PlatformFailed.code and outcome is not None
    return event.code in _FOLLOWS or gone


def _named(sources: Sources, at: int, code: str, what: str, blame: str | None, *, told_by: str) -> Cause:
    kind = _kinds().get(code, ConfideError)
    act = (
        blame
        or {
            Fault.YOU: sources.me if told_by == sources.me else told_by,
            Fault.PLATFORM: "the platform",
            Fault.PEER: "another party, which nobody has named",
            Fault.SOFTWARE: "Confide itself",
            Fault.NOBODY: "nobody",
        }[kind.fault]
    )
    if issubclass(kind, OfferDeclined | TaskCancelled):
        act = "nobody: it was decided so" + (f" by {blame}" if blame else "")
    return Cause(at=at, code=code, what=what, told_by=told_by, act=act, remedy=kind.remedy)


def _by_host(sources: Sources, outcome: str) -> Cause:
    """An end that the enclave has not told: its host is the only witness."""
    at = (sources.status.ended_at if sources.status else None) or 0
    cancelled = outcome == "cancelled"
    initiator = sources.status.initiator if sources.status else "the initiator"
    return Cause(
        at=at,
        code=TaskCancelled.code if cancelled else PlatformFailed.code,
        what=outcome,
        told_by=HOST,
        act=f"nobody: it was decided so by {initiator}" if cancelled else "the platform",
        remedy=(TaskCancelled if cancelled else PlatformFailed).remedy,
    )
