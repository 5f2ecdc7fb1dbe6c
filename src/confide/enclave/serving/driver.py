"""The enclave's loop: one event at a time, open, judge, coordinate, seal, send.

Threads of the transport only put events into the inbox; everything else happens in the one thread that
calls `run`. Work goes on between events, step by step, so that a cancellation ends it at its next step and
a party that comes back meanwhile is answered.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from confide.core import limits
from confide.core.envelope import Envelope
from confide.core.errors import ConfideError, PlatformFailed, SealError, TransportError
from confide.enclave.coordination.coordinator import Coordinator, Says
from confide.enclave.serving.inbox import Inbox
from confide.enclave.serving.visits import Event, Heard, Joined, Lost, Visit
from confide.protocol import faults
from confide.protocol.framing import Spoken
from confide.protocol.messages import Abort


@dataclass(frozen=True, slots=True)
class Said:
    """A message that was opened and judged."""

    visit: Visit
    spoken: Spoken


Pending = Joined | Said | Lost
Report = Callable[[str, dict[str, int], dict[str, str]], None]


class Driver:
    """Runs one task from the first JOIN to the final receipt, or to the error that ends it."""

    def __init__(
        self,
        coordinator: Coordinator,
        inbox: Inbox[Event],
        report: Report,
        stopping: threading.Event,
        alone: threading.Event | None = None,
    ) -> None:
        """`report(state, waiting, what)` is called when the state, or what it waits for, has changed;
        it goes to the host. `waiting` maps names to Unix seconds, `what` to states of channels.

        `stopping` is set when the host asks the process to end; `alone` when the host itself is gone, or the
        hardware: then nothing is said to the parties, who will find another enclave in this one's place.
        """
        self._alone = alone or threading.Event()
        self._coordinator = coordinator
        self._inbox = inbox
        self._report = report
        self._stopping = stopping
        self._newest: dict[str, Visit] = {}
        """Of each participant: nothing that comes over an earlier channel is opened any more."""
        self._visits: dict[str, Visit] = {}
        """Those that the coordinator knows of: a newer one may be pending."""
        self._pending: deque[Pending] = deque()
        self._reported: tuple[str, dict[str, str]] | None = None

    def run(self) -> ConfideError | None:
        """Returns the error that ended the task, or None after the final receipt. Wipes keys and data."""
        try:
            while not self._coordinator.closed:
                self._step()
        except ConfideError as error:
            if self._alone.is_set():
                self._wipe()
            else:
                self.end(error)
            return _bare(error)
        self._coordinator.remove_stored()
        self._wipe()
        return None

    def end(self, error: ConfideError) -> None:
        """End the task now: tell every participant who can still hear it, then wipe keys and data."""
        self._abort(error)
        self._coordinator.remove_stored()
        self._wipe()

    def _wipe(self) -> None:
        self._inbox.close()
        self._coordinator.wipe()
        self._pending.clear()
        for visit in (*self._visits.values(), *self._newest.values()):
            visit.channel.destroy()

    def _step(self) -> None:
        self._tell_host()
        self._look_at_inbox()
        if self._pending:
            self._answer(self._pending.popleft())
        elif self._coordinator.working:
            self._send(self._coordinator.work_on())
        elif (event := self._inbox.take(limits.POLL_SECONDS)) is not None:
            self._take(event)
        else:
            self._coordinator.tick()

    def _answer(self, pending: Pending) -> None:
        match pending:
            case Joined(visit):
                self._replace(visit)
                self._send(self._coordinator.joined(visit.member, visit.statement))
            case Lost(visit):
                self._lose(visit)
            case Said(visit, spoken):
                if self._visits.get(visit.name) is visit:
                    self._send(self._coordinator.hear(visit.name, spoken))

    def _take(self, event: Event) -> None:
        """Open what has come, and queue it for the coordinator, in order. An ABORT does not wait."""
        match event:
            case Joined(visit):
                self._newest[visit.name] = visit
                self._pending.append(event)
            case Heard(visit, envelope):
                self._open(visit, envelope)
            case Lost(visit):
                visit.broken = True
                self._pending.append(event)

    def _open(self, visit: Visit, envelope: Envelope) -> None:
        if self._newest.get(visit.name) is not visit or visit.channel.session.ended or visit.broken:
            return
        try:
            spoken = visit.channel.hear(envelope)
        except SealError:
            # This channel has ended, and its keys with it. The party may come back with new ones.
            self._break(visit)
            return
        except ConfideError as cause:
            cause.blame = cause.blame or visit.name
            raise
        if isinstance(spoken.message, Abort):
            raise faults.told_by(visit.name, spoken.message)
        self._pending.append(Said(visit, spoken))

    def _replace(self, visit: Visit) -> None:
        """The newest channel counts; the door has closed the one before."""
        before = self._visits.get(visit.name)
        if before is not None:
            before.channel.destroy()
        self._visits[visit.name] = visit

    def _break(self, visit: Visit) -> None:
        """Nothing more is said or heard on it. What came before is still answered."""
        visit.broken = True
        visit.channel.destroy()
        visit.link.close()
        self._pending.append(Lost(visit))

    def _lose(self, visit: Visit) -> None:
        """The party is waited for, unless its channel was at its end."""
        if self._visits.get(visit.name) is not visit or visit.channel.session.ended:
            return
        del self._visits[visit.name]
        visit.channel.destroy()
        self._coordinator.lost(visit.name)

    def _send(self, says: Says) -> None:
        # Closed on any error, so that nothing that was begun stays alive behind it.
        with closing(says):
            for to, message, payload in says:
                visit = self._visits.get(to)
                if visit is not None and not visit.broken:
                    self._say(visit, Spoken(message, payload))
                self._look_at_inbox()
                self._tell_host()

    def _say(self, visit: Visit, spoken: Spoken) -> None:
        envelope = visit.channel.say(spoken.message, spoken.payload)
        try:
            visit.link.send(envelope)
        except TransportError:
            self._hear_last_words(visit)

    def _hear_last_words(self, visit: Visit) -> None:
        """A link that takes nothing more may still bring what its party said last (an ABORT, say)."""
        while (event := self._inbox.take(limits.CLOSE_SECONDS)) is not None:
            self._take(event)
            if visit.broken:
                return
        self._break(visit)

    def _look_at_inbox(self) -> None:
        """Between two answers: open what has come, so that an ABORT or a lost party is seen at once."""
        if self._alone.is_set():
            raise PlatformFailed("the host is gone, or the hardware gives no quotes", blame="platform")
        # When all have signed, some may hold the receipt already: there is no other end than that.
        if self._stopping.is_set() and not self._coordinator.complete:
            raise faults.cancelled("the platform")
        while (event := self._inbox.take()) is not None:
            self._take(event)

    def _abort(self, error: ConfideError) -> None:
        """Tell everybody who can still hear it. Whose channel broke hears nothing more."""
        message = faults.abort_of(error)
        for visit in self._visits.values():
            if visit.channel.session.ended or visit.broken:
                continue
            try:
                visit.link.send(visit.channel.say(message))
            except ConfideError:
                continue

    def _tell_host(self) -> None:
        state, what = self._coordinator.phase, self._coordinator.waiting_what
        if (state, what) != self._reported:
            self._reported = (state, what)
            self._report(state, self._coordinator.waiting, what)


def _bare(error: ConfideError) -> ConfideError:
    """The error without the frames it passed through, which hold opened data."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)
