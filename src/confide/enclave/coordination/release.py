"""What may leave the enclave, and to whom. Everything else stays.

Only three things leave: the result (model or predictions) and its report, to the initiator, and only if the
agreed task releases them; the receipt's public part, to every participant; and status lines for the host,
which hold states, names and counts of messages, never data (`status_line`).
"""

from typing import Any

from msgspec import UNSET

from confide.core import canonical, limits
from confide.core.digest import digest_of
from confide.core.errors import LocalProtocolError
from confide.core.platform_api import TaskKind
from confide.enclave.coordination import agreements
from confide.enclave.coordination.context import EnclaveContext
from confide.enclave.coordination.round import Round
from confide.protocol import receipts
from confide.protocol.framing import Spoken
from confide.protocol.messages import Result, ResultEnd, ResultPart
from confide.protocol.provenance import signed_bytes
from confide.protocol.receipts import RESULT_CONTEXT, ROUND_CONTEXT, PrivatePart
from confide.protocol.terms import Released, releases_metrics

_STATUS_EVENTS = frozenset({"ready", "heartbeat", "state", "closed"})


def recipient(current: Round) -> str:
    """To whom the result goes. Raises LocalProtocolError if the task releases it to nobody."""
    what = Released.MODEL if current.kind is TaskKind.TRAIN else Released.PREDICTIONS
    for release in current.task.releases:
        if release.what is what:
            return release.to
    raise LocalProtocolError(f"the task does not release its {what}")


def result_of(current: Round, context: EnclaveContext) -> Result:
    """What can be fetched, signed: for its recipient alone."""
    statement = agreements.require_statement(current)
    signature = context.signer.sign(RESULT_CONTEXT, signed_bytes(statement))
    done = agreements.require_done(current)
    return Result(
        statement=statement,
        signature=signature,
        report=private_part(current),
        done=done,
        done_signature=context.signer.sign(ROUND_CONTEXT, canonical.encode(done)),
    )


def account(current: Round) -> receipts.Round:
    """What the receipt will say about a round whose work is over."""
    block, outcome = agreements.require_signed(current).block, agreements.require_outcome(current)
    return receipts.Round(
        kind=current.kind,
        task=current.task.name,
        block=digest_of(block),
        commitments=block.commitments,
        rows=outcome.rows,
        result=agreements.require_statement(current),
        releases=current.task.releases,
        private=digest_of(private_part(current)),
        gate=UNSET if outcome.gate is None else outcome.gate,
    )


def next_part(current: Round, offset: int) -> Spoken:
    """The result from this byte on, as much as one message carries; or its end.

    The model's bytes, then those of the held-out predictions; no part holds bytes of both.
    """
    outcome = agreements.require_outcome(current)
    data, start = outcome.data, 0
    if offset >= len(data):
        data, start = outcome.held_out, len(data)
    if offset - start >= len(data):
        return Spoken(ResultEnd())
    if start:
        part = data[offset - start : offset - start + limits.RESULT_PART_BYTES]
        return Spoken(ResultPart(offset=offset), part)
    return Spoken(ResultPart(offset=offset), data[offset : offset + limits.RESULT_PART_BYTES])


def _without_metrics(report: PrivatePart) -> PrivatePart:
    return PrivatePart(salt=report.salt, metrics={}, curve=())


def private_part(current: Round) -> PrivatePart:
    """The private part as it was released: what the receipt commits to."""
    report = agreements.require_outcome(current).report
    return report if releases_metrics(current.task) else _without_metrics(report)


def status_line(event: str, **facts: Any) -> bytes:
    """One line for the host. Raises ValueError for an event that is not in the list."""
    if event not in _STATUS_EVENTS:
        raise ValueError(f"'{event}' may not leave the enclave")
    return canonical.encode({"event": event, **facts}) + b"\n"
