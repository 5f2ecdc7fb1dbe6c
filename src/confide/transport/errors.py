"""The one place where our errors become gRPC statuses and come back.

Outwards go the code and the sentence of an error made to be told; anything else is "internal error", and
its cause stays in the log. Inwards, text from the other end is bounded and stripped of control characters,
and its code may only choose among the errors listed here: the other end can't make us report, say, a bad
signature.
"""

from collections.abc import Mapping
from typing import Final, NoReturn

import grpc

from confide.core import limits
from confide.core.errors import (
    AccessDenied,
    ChannelClosed,
    ConfideError,
    ConfigurationError,
    EvidenceUnavailable,
    LimitExceeded,
    NoRoom,
    NotFound,
    PlatformFailed,
    RemoteProtocolError,
    TooManyCalls,
    Unreachable,
)

_CODE_KEY: Final = "confide-code"
_INTERNAL: Final = "internal error; the platform's log has the cause"

STATUS_OF: Final[Mapping[type[ConfideError], grpc.StatusCode]] = {
    AccessDenied: grpc.StatusCode.PERMISSION_DENIED,
    ChannelClosed: grpc.StatusCode.ABORTED,
    ConfigurationError: grpc.StatusCode.INVALID_ARGUMENT,
    EvidenceUnavailable: grpc.StatusCode.UNAVAILABLE,
    LimitExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    NoRoom: grpc.StatusCode.UNAVAILABLE,
    NotFound: grpc.StatusCode.NOT_FOUND,
    PlatformFailed: grpc.StatusCode.INTERNAL,
    RemoteProtocolError: grpc.StatusCode.FAILED_PRECONDITION,
    TooManyCalls: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""Errors that are told to the other end as they are."""

_BY_CODE: Final = {error.code: error for error in STATUS_OF}

_BY_STATUS: Final[Mapping[grpc.StatusCode, tuple[type[ConfideError], str]]] = {
    grpc.StatusCode.UNAVAILABLE: (Unreachable, "nobody answers, or TLS was refused"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (Unreachable, "no answer in time"),
    grpc.StatusCode.CANCELLED: (ChannelClosed, "the call was cancelled"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (
        LimitExceeded,
        "a message is too large, or too many calls at a time",
    ),
    grpc.StatusCode.UNIMPLEMENTED: (RemoteProtocolError, "the other end does not know this call"),
    grpc.StatusCode.UNAUTHENTICATED: (AccessDenied, "not authenticated"),
    grpc.StatusCode.PERMISSION_DENIED: (AccessDenied, "not allowed"),
}


def abort(context: grpc.ServicerContext, error: ConfideError) -> NoReturn:
    """End this call with `error`, or with "internal error" if it is not one that is told."""
    status = STATUS_OF.get(type(error))
    if status is None:
        abort_internal(context)
    context.set_trailing_metadata(((_CODE_KEY, error.code),))
    context.abort(status, plain(error.message))


def abort_internal(context: grpc.ServicerContext) -> NoReturn:
    """End this call without a cause. The caller has logged it."""
    context.set_trailing_metadata(((_CODE_KEY, PlatformFailed.code),))
    context.abort(grpc.StatusCode.INTERNAL, _INTERNAL)


def received(error: grpc.RpcError, address: str) -> ConfideError:
    """The error to raise on our side for a call to `address` that failed."""
    if not isinstance(error, grpc.Call):
        return Unreachable(f"{address}: the call could not be made")
    told = _BY_CODE.get(_code_in(error))
    if told is not None:
        return told(plain(error.details() or ""))
    kind, text = _BY_STATUS.get(error.code(), (PlatformFailed, "the other end failed"))
    return kind(f"{address}: {text}")


def closed(address: str) -> ChannelClosed:
    """The error for a call over a channel that we have closed ourselves."""
    return ChannelClosed(f"{address}: the connection is closed at our end")


def _code_in(call: grpc.Call) -> str:
    for key, value in call.trailing_metadata() or ():
        if key == _CODE_KEY and isinstance(value, str):
            return value
    return ""


def plain(text: str) -> str:
    """Printable characters only, bounded: fit for a terminal and a log line."""
    return "".join(c if c.isprintable() else " " for c in text[: limits.MAX_ERROR_TEXT])
