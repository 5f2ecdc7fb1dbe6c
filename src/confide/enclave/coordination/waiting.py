"""For whom the enclave waits, since when, and when that has been long enough."""

from confide.core import limits
from confide.core.errors import OfferExpired, PartyLost
from confide.enclave.coordination.closing import Closing
from confide.enclave.coordination.course import Course, Place
from confide.enclave.coordination.round import Round
from confide.protocol.kinds import Kind
from confide.protocol.table import TRANSITIONS, State
from confide.protocol.terms import Intersection

_PARTY_SPEAKS = frozenset(
    (channel, state)
    for channel, state, speaker, kind in TRANSITIONS
    if speaker is channel and kind is not Kind.ABORT
)


class Waiting:
    """Looks at the places; changes nothing."""

    def __init__(self, course: Course, closing: Closing) -> None:
        self._course = course
        self._closing = closing

    def now(self) -> dict[str, int]:
        """Participants whose turn it is, or whose channel is not open, each with the time since when."""
        return {name: since for name in self._expected if (since := self._since(name)) is not None}

    def what(self) -> dict[str, str]:
        """Of the same participants: what is waited for, as the state of its channel."""
        return {name: self._what(name) for name in self.now()}

    def _what(self, name: str) -> str:
        place = self._course.places.get(name)
        if place is None:
            return "not joined"
        return str(place.state) if place.present else f"away, {place.state}"

    @property
    def _expected(self) -> tuple[str, ...]:
        signers = self._closing.signers
        everyone = self._course.context.config.participants
        return everyone if signers is None else tuple(name for name in everyone if name in signers)

    def _since(self, name: str) -> int | None:
        place = self._course.places.get(name)
        if place is None:
            last = self._course.last
            return last.asked_at if last is not None else self._course.started_at
        if place.session.ended or (place.present and not self._may_speak(place)):
            return None
        return place.since

    @staticmethod
    def _may_speak(place: Place) -> bool:
        return (place.session.channel, place.state) in _PARTY_SPEAKS

    def _intersecting(self, name: str) -> int:
        """Seconds that a party may take, with an open channel, to find its common ids with another one."""
        place = self._course.places.get(name)
        if place is None or not place.present or place.state is not State.COMMITTING:
            return 0
        task = self._course.current(place).task
        return limits.INTERSECTION_SECONDS if isinstance(task.alignment, Intersection) else 0

    def _without_deciders(self, waiting: dict[str, int], asked: Round, now: int) -> dict[str, int]:
        """A person may take as long as the task may live, while a channel is open for the answer.

        Raises OfferExpired, naming a provider that is not there to be asked.
        """
        patience = self._course.context.config.idle_seconds
        for name in sorted(asked.undecided & waiting.keys()):
            place, waited = self._course.places.get(name), now - waiting[name]
            if (place is None or not place.present) and waited >= patience:
                raise OfferExpired(f"{name} was not there to answer for {waited} s", blame=name)
        return {name: since for name, since in waiting.items() if name not in asked.undecided}

    def check(self) -> None:
        """Raises OfferExpired or PartyLost, naming the participant, when one is too late."""
        if self._closing.complete:
            return
        now, last = self._course.now(), self._course.last
        config = self._course.context.config
        waiting = self.now()
        if self._course.pending:
            waiting = {name: since for name, since in waiting.items() if name in self._course.awaited}
        elif last is None:
            # Providers have nothing to do before there is a proposal.
            waiting = {name: since for name, since in waiting.items() if name == config.initiator}
        elif last.asking:
            waiting = self._without_deciders(waiting, last, now)
        for name, since in waiting.items():
            if now - since >= max(config.idle_seconds, self._intersecting(name)):
                raise PartyLost(f"nothing was heard for {now - since} s; waiting for {name}", blame=name)
