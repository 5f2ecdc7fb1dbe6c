"""Abort messages and errors are two spellings of one thing: this is the only place that translates."""

from confide.core import errors
from confide.core.errors import ConfideError, RemoteProtocolError, TaskCancelled, TaskEnded
from confide.protocol.messages import Abort

_MAX_REASON = 1024


_TOLD = errors.leaves(TaskEnded) | {
    error.code: error
    for error in (
        errors.RemoteProtocolError,
        errors.SignatureInvalid,
        errors.SchemaMismatch,
        errors.AlignmentFailed,
        errors.LimitExceeded,
        errors.DatasetCorrupt,
        errors.IntersectionChanged,
        errors.ReceiptInvalid,
    )
}
"""What one end may tell another. Of everything else only the code is told, as CFD-122."""


def abort_of(error: ConfideError) -> Abort:
    """What the other end is told. Other errors stay inside: only their code is said."""
    if error.code in _TOLD:
        return Abort(code=error.code, reason=error.message[:_MAX_REASON], blame=error.blame or "")
    return _only_code(error)


def abort_of_party(error: ConfideError) -> Abort:
    """As `abort_of`, from a party: of what is wrong with its own dataset only the code is said."""
    return _only_code(error) if isinstance(error, errors.DatasetCorrupt) else abort_of(error)


def _only_code(error: ConfideError) -> Abort:
    return Abort(
        code=errors.WorkFailed.code, reason=f"an internal failure ({error.code})", blame=error.blame or ""
    )


def error_of(abort: Abort) -> ConfideError:
    """The error that an abort tells. An unknown code is the other end's fault."""
    kind = _TOLD.get(abort.code)
    if kind is None:
        return RemoteProtocolError(f"the task was ended with an unknown code {abort.code}")
    return kind(abort.reason, blame=abort.blame or None)


def told_by(party: str, abort: Abort) -> ConfideError:
    """The error that a party's abort tells the others: who ended the task is known, the rest is its word."""
    kind = _TOLD.get(abort.code, RemoteProtocolError)
    return kind(f"{party} ended the task: {abort.reason}"[:_MAX_REASON], blame=party)


def cancelled(by: str) -> TaskCancelled:
    """The error that a cancelled task ends with."""
    return TaskCancelled(f"cancelled by {by}", blame=by)
