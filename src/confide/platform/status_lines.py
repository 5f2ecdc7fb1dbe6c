"""What an enclave tells its host: JSON objects, one a line, on standard output.

{"event":"ready","address":"127.0.0.1:40000"}
{"event":"heartbeat"}
{"event":"state","state":"training","waiting_for":["bob"],"waiting_what":["opening"],"waiting_since":1800000000}
{"event":"closed","outcome":"completed","receipt_digest":"…96 hexadecimal characters…"}

The launcher's own output (of `gramine-sgx`, say) may be in between: lines that are none of these are ignored.
"""

import re
from typing import Annotated, Final

import msgspec

from confide.core import limits

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_OUTCOME_LENGTH)]
_Name = Annotated[str, msgspec.Meta(max_length=limits.MAX_NAME_LENGTH)]
_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}")
_DIGEST: Final = re.compile(r"[0-9a-f]{96}")


def _check_printable(text: str) -> None:
    if not text.isprintable():
        raise ValueError("a character that can't be printed")


class Ready(msgspec.Struct, frozen=True, tag_field="event", tag="ready"):
    """The enclave listens."""

    address: Annotated[str, msgspec.Meta(max_length=limits.MAX_ADDRESS_LENGTH)]

    def __post_init__(self) -> None:
        if _ADDRESS.fullmatch(self.address) is None:
            raise ValueError("not host:port")


class Heartbeat(msgspec.Struct, frozen=True, tag_field="event", tag="heartbeat"):
    """The enclave lives."""


class Phase(msgspec.Struct, frozen=True, tag_field="event", tag="state"):
    """Where the session inside stands, and for whom it waits."""

    state: _Text
    waiting_for: Annotated[tuple[_Name, ...], msgspec.Meta(max_length=limits.MAX_PARTICIPANTS)] = ()
    waiting_what: Annotated[tuple[_Name, ...], msgspec.Meta(max_length=limits.MAX_PARTICIPANTS)] = ()
    """Of each, the state of its channel."""
    waiting_since: Annotated[int, msgspec.Meta(ge=0, le=limits.LATEST_TIME)] | None = None
    """By the enclave's clock; Unix seconds."""

    def __post_init__(self) -> None:
        _check_printable("".join((self.state, *self.waiting_what)))


class Closed(msgspec.Struct, frozen=True, tag_field="event", tag="closed"):
    """The session has ended; the process will."""

    outcome: _Text
    receipt_digest: str | None = None

    def __post_init__(self) -> None:
        _check_printable(self.outcome)
        if self.receipt_digest is not None and _DIGEST.fullmatch(self.receipt_digest) is None:
            raise ValueError("not a SHA-384")


Event = Ready | Heartbeat | Phase | Closed


def parse(line: bytes) -> Event | None:
    """The event of a line; None for a line that is none."""
    try:
        event: Event = msgspec.json.decode(line, type=Event)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return event


class LineSplitter:
    """Cuts a stream of bytes into lines of at most limits.MAX_STATUS_LINE_BYTES; longer ones are skipped."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends."""
        *complete, rest = (self._rest + data).split(b"\n")
        if complete and self._skipping:
            complete[0] = b""
            self._skipping = False
        self._skipping = self._skipping or len(rest) > limits.MAX_STATUS_LINE_BYTES
        self._rest = b"" if self._skipping else rest
        return [line for line in complete if 0 < len(line) <= limits.MAX_STATUS_LINE_BYTES]
