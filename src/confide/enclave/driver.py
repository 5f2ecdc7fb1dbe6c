"""The enclave's loop: one event at a time, open, judge, coordinate, seal, send.

Threads of the transport only put events into the inbox; everything else happens in the one thread that
calls `run`. While the coordinator works (its answers are lazy), the inbox is looked at between any two
answers, so that a cancellation or a lost party ends the work at its next step.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from confide.core import limits
from confide.core.errors import ChannelClosed, ConfideError, PartyLost
from confide.core.ports import Envelope, Link
from confide.enclave.context import Member
from confide.enclave.coordinator import Coordinator, Says
from confide.enclave.inbox import Inbox
from confide.protocol import faults
from confide.protocol.messages import Abort, Kind, Spoken
from confide.protocol.table import ROWS
from confide.session.channel import SealedChannel


@dataclass(frozen=True, slots=True)
class Joined:
    """A participant's JOIN was accepted."""

    member: Member
    channel: SealedChannel
    link: Link


@dataclass(frozen=True, slots=True)
class Heard:
    """A sealed envelope came."""

    party: str
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Lost:
    """A participant's link ended."""

    party: str


Event = Joined | Heard | Lost
_PARTY_SPEAKS = frozenset(row.state for row in ROWS if row.speaker == "P" and row.kind is not Kind.ABORT)


class Driver:
    """Runs one task from the first JOIN to the final receipt, or to the error that ends it."""

    def __init__(
        self,
        coordinator: Coordinator,
        participants: tuple[str, ...],
        inbox: Inbox[Event],
        report: Callable[[str, tuple[str, ...]], None],
        stopping: threading.Event,
    ) -> None:
        """`report(state, waiting_for)` is called when either changes; it goes to the host.

        `stopping` is set when the host asks the process to end.
        """
        self._coordinator = coordinator
        self._participants = participants
        self._inbox = inbox
        self._report = report
        self._stopping = stopping
        self._channels: dict[str, SealedChannel] = {}
        self._links: dict[str, Link] = {}
        self._pending: deque[Joined | tuple[str, Spoken]] = deque()
        self._reported: tuple[str, tuple[str, ...]] | None = None

    def run(self) -> ConfideError | None:
        """Returns the error that ended the task, or None after the final receipt. Wipes keys and data."""
        try:
            while not self._coordinator.closed:
                self._step()
        except ConfideError as error:
            self.end(error)
            return _bare(error)
        self._wipe()
        return None

    def end(self, error: ConfideError) -> None:
        """End the task now: tell every participant who can still hear it, then wipe keys and data."""
        self._abort(error)
        self._wipe()

    def _wipe(self) -> None:
        self._inbox.close()
        self._coordinator.wipe()
        self._pending.clear()
        for channel in self._channels.values():
            channel.destroy()

    def _step(self) -> None:
        self._tell_host()
        self._check_stop()
        if self._pending:
            self._answer(self._pending.popleft())
            return
        event = self._inbox.take(limits.POLL_SECONDS)
        if event is None:
            self._coordinator.tick(self.waiting_for)
        else:
            self._take(event)

    def _answer(self, pending: "Joined | tuple[str, Spoken]") -> None:
        if isinstance(pending, Joined):
            self._send(self._coordinator.joined(pending.member))
        else:
            self._send(self._coordinator.hear(*pending))

    def _take(self, event: Event) -> None:
        """Handle what must not wait; queue the rest for the coordinator, in order."""
        match event:
            case Joined():
                self._join(event)
            case Heard(party, envelope):
                self._open(party, envelope)
            case Lost(party):
                self._lose(party)

    def _join(self, event: Joined) -> None:
        name = event.member.name
        self._channels[name], self._links[name] = event.channel, event.link
        self._pending.append(event)

    def _open(self, party: str, envelope: Envelope) -> None:
        channel = self._channels[party]
        if channel.session.ended:
            return
        try:
            spoken = channel.hear(envelope)
        except ConfideError as cause:
            cause.blame = cause.blame or party
            raise
        if isinstance(spoken.message, Abort):
            raise faults.told_by(party, spoken.message)
        self._pending.append((party, spoken))

    def _lose(self, party: str) -> None:
        channel = self._channels.get(party)
        if channel is not None and not channel.session.ended:
            raise PartyLost(f"the channel of {party} ended while the task needed it", blame=party)

    def _send(self, says: Says) -> None:
        # Closed on any error, so that no work that was begun stays alive behind it.
        with closing(says):
            for to, message, payload in says:
                envelope = self._channels[to].say(message, payload)
                try:
                    self._links[to].send(envelope)
                except ChannelClosed:
                    self._hear_last_words(to)
                self._look_at_inbox()
                self._tell_host()

    def _hear_last_words(self, party: str) -> None:
        """A link that takes nothing more may still bring what its party said last (an ABORT, say)."""
        while not self._channels[party].session.ended:
            event = self._inbox.take(limits.CLOSE_SECONDS)
            if event is None:
                self._lose(party)
                return
            self._take(event)

    def _look_at_inbox(self) -> None:
        """Between two answers: open what has come, so that an ABORT or a lost party is seen at once."""
        self._check_stop()
        while (event := self._inbox.take()) is not None:
            self._take(event)

    def _check_stop(self) -> None:
        if self._stopping.is_set():
            raise faults.cancelled("the platform")

    def _abort(self, error: ConfideError) -> None:
        """Tell everybody who can still hear it. Whose channel broke hears nothing more."""
        message = faults.abort_of(error)
        for party, channel in self._channels.items():
            if channel.session.ended:
                continue
            try:
                self._links[party].send(channel.say(message))
            except ConfideError:
                continue

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """Participants whose turn it is, or who have not joined."""
        return tuple(
            name
            for name in self._participants
            if name not in self._channels or self._channels[name].session.state in _PARTY_SPEAKS
        )

    def _tell_host(self) -> None:
        channel = self._channels.get(self._participants[0])
        now = (str(channel.session.state) if channel else "waiting", self.waiting_for)
        if now != self._reported:
            self._reported = now
            self._report(*now)


def _bare(error: ConfideError) -> ConfideError:
    """The error without the frames it passed through, which hold opened data."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)
