"""A party's loop: receive, open, judge, answer, note, send. One link, one script, one thread."""

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from confide.core import limits
from confide.core.envelope import Envelope
from confide.core.errors import ConfideError, SealError, TransportError
from confide.core.ports import Link
from confide.protocol import faults
from confide.protocol.framing import Spoken
from confide.protocol.messages import Abort, Message
from confide.session.channel import SealedChannel


class Script(Protocol):
    """What a party does with each message. Sans-IO: answers are returned, lazily, never sent."""

    def hear(self, spoken: Spoken) -> Iterator[Spoken]:
        """The answers, in order. Raises ConfideError to end the task; the enclave is told."""
        ...


Note = Callable[[str, Message, str], None]
"""("said" | "heard", message, state afterwards): written down before an answer is sent."""


def converse(
    link: Link, channel: SealedChannel, script: Script, *, note: Note, cancelled: threading.Event, us: str
) -> None:
    """Run `script` until the channel has closed.

    Raises:
        TaskEnded (or another ConfideError): the task was aborted, by either side, and why.
        TransportError: the enclave's end is gone without a word.
        SealError: what came does not open. Nothing more is said: the party may come back on a new channel.
    """
    try:
        while not channel.session.ended:
            spoken = _hear(link, channel, note, cancelled, us)
            for answer in script.hear(spoken):
                _check(cancelled, us)
                envelope = channel.say(answer.message, answer.payload)
                note("said", answer.message, channel.session.state)
                link.send(envelope)
    except _Told as told:
        raise told.error from None
    except ConfideError as error:
        _abort(link, channel, error, note)
        raise
    finally:
        channel.destroy()


class _Told(Exception):
    """Carries an error that the enclave told us, so that it is not told back."""

    def __init__(self, error: ConfideError) -> None:
        super().__init__()
        self.error = error


def _hear(link: Link, channel: SealedChannel, note: Note, cancelled: threading.Event, us: str) -> Spoken:
    spoken = channel.hear(_receive(link, cancelled, us))
    note("heard", spoken.message, channel.session.state)
    if isinstance(spoken.message, Abort):
        raise _Told(faults.error_of(spoken.message))
    return spoken


def _receive(link: Link, cancelled: threading.Event, us: str) -> Envelope:
    while True:
        _check(cancelled, us)
        try:
            return link.receive(timeout=limits.POLL_SECONDS)
        except TimeoutError:
            continue


def _check(cancelled: threading.Event, us: str) -> None:
    if cancelled.is_set():
        raise faults.cancelled(us)


def _abort(link: Link, channel: SealedChannel, error: ConfideError, note: Note) -> None:
    """Say why, if the channel can still carry it."""
    if channel.session.ended or isinstance(error, TransportError | SealError):
        return
    message = faults.abort_of_party(error)
    try:
        envelope = channel.say(message)
        note("said", message, channel.session.state)
        link.send(envelope)
    except ConfideError:
        return
