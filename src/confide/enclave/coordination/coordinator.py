"""C's script, sans-IO: what the enclave says to each participant, from where all of them stand.

Every message has been opened and judged by the transition table before it comes here. A handler only notes
what was said, or compares it; errors that end the task are raised, and the driver tells them to everybody.
What to say next follows from the state of a channel and from what is known of its round, never from which
message came last: so a participant that comes back on a new channel is led through the same words again,
each answered from what is here, until it stands where the others are (spec/protocol.md, "Rejoin").
"""

from collections.abc import Callable, Generator, Mapping

from confide.core.errors import RemoteProtocolError
from confide.enclave.coordination.closing import Closing
from confide.enclave.coordination.context import EnclaveContext, Member, Say
from confide.enclave.coordination.course import Course, Place
from confide.enclave.coordination.negotiation import Negotiation
from confide.enclave.coordination.rounds import Rounds
from confide.enclave.coordination.takeover import Takeover
from confide.enclave.coordination.waiting import Waiting
from confide.enclave.work import Work
from confide.protocol.framing import Payload, Spoken
from confide.protocol.kinds import Kind
from confide.protocol.messages import JoinStatement, Message
from confide.protocol.roles import Role
from confide.protocol.table import State

Says = Generator[Say, None, None]
Handler = Callable[[Place, Message, Payload], None]
Word = Callable[[Place], Message | Spoken | None]


class Coordinator:
    """One per enclave. What it says comes lazily: send each before taking the next."""

    def __init__(self, context: EnclaveContext, work: Work) -> None:
        self._context = context
        self._work = work
        self._course = Course(context, context.clock.now())
        self._closing = Closing(self._course)
        self._negotiation = Negotiation(self._course)
        self._rounds = Rounds(self._course, work, self._negotiation, self._closing)
        self._takeover = Takeover(self._course, self._negotiation, self._closing)
        self._waiting = Waiting(self._course, self._closing)
        self._handlers = self._what_is_heard()
        self._words = self._what_is_said()

    def _what_is_heard(self) -> Mapping[Kind, Handler]:
        negotiation, rounds, closing = self._negotiation, self._rounds, self._closing
        return {
            Kind.PAST: self._takeover.past,
            Kind.RECALLED: self._takeover.recalled,
            Kind.PROPOSAL: negotiation.proposal,
            Kind.ACCEPT: negotiation.accept,
            Kind.DECLINE: negotiation.decline,
            Kind.COMMIT: negotiation.commit,
            Kind.SIGNATURE: negotiation.signature,
            Kind.CONFIRM: rounds.confirm,
            Kind.OPENING: rounds.opening,
            Kind.DATA_BLOCK: rounds.data_block,
            Kind.MODEL_PART: rounds.model_part,
            Kind.UPLOADED: rounds.uploaded,
            Kind.FETCH: rounds.fetch,
            Kind.ACKNOWLEDGE: self._acknowledge,
            Kind.CLOSE: closing.close,
            Kind.COUNTERSIGNATURE: closing.countersignature,
        }

    def _what_is_said(self) -> Mapping[State, Word]:
        negotiation, rounds, closing = self._negotiation, self._rounds, self._closing
        return {
            State.JOINED: self._first_word,
            State.JUDGING: negotiation.answer,
            State.ASKING: negotiation.acceptance,
            State.ACCEPTED: negotiation.notice,
            State.COMMITTED: negotiation.after_commit,
            State.SIGNED: negotiation.after_signature,
            State.BOUND: rounds.start,
            State.CONFIRMED: rounds.after_confirm,
            State.OPENED: rounds.after_opening,
            State.CHECKING: rounds.after_upload,
            State.WORKING: rounds.at_work,
            State.DELIVERING: rounds.part,
            State.DONE: self._after_round,
            State.CLOSING: closing.receipt,
            State.COUNTERSIGNED: closing.final,
        }

    # --- what comes from outside ---------------------------------------------------------------------

    def joined(self, member: Member, statement: JoinStatement) -> Says:
        """A participant's channel is open, its first or a new one."""
        place = self._course.enter(member, statement)
        if self._course.pending:
            self._takeover.forget(place.name)
        elif place.session.channel is Role.A and not self._course.over:
            self._rounds.count_acknowledged(place)
        yield from self._talk()

    def hear(self, party: str, spoken: Spoken) -> Says:
        """A message that the table allows this party to say now."""
        place = self._course.places[party]
        handler = self._handlers.get(spoken.message.kind)
        if handler is None:
            text = f"{party} said '{spoken.message.kind}', which has no answer"
            raise RemoteProtocolError(text, blame=party)
        place.session = place.session.hear(place.session.channel, spoken.message)
        place.since = self._course.now()
        handler(place, spoken.message, spoken.payload)
        yield from self._talk()

    def lost(self, party: str) -> None:
        """A participant's newest channel has ended: it may come back on another."""
        self._course.leave(party)

    @property
    def working(self) -> bool:
        """Whether there is work to go on with, by calling `work_on`."""
        return self._rounds.working

    def work_on(self) -> Says:
        """One step of training or prediction."""
        self._rounds.work_on()
        yield from self._talk()

    def tick(self) -> None:
        """Called while nothing happens. Raises OfferExpired or PartyLost when a participant is too late."""
        self._waiting.check()

    @property
    def waiting(self) -> dict[str, int]:
        """For whom the enclave waits, and since when (Unix seconds by its clock)."""
        return self._waiting.now()

    @property
    def waiting_what(self) -> dict[str, str]:
        """What each of them is to do: the state of its channel."""
        return self._waiting.what()

    @property
    def phase(self) -> str:
        """The state of the initiator's channel, and what is worked on beside it, for the host."""
        place = self._course.places.get(self._context.config.initiator)
        return f"{place.state}{self._rounds.beside}" if place is not None else "waiting"

    @property
    def closed(self) -> bool:
        """Whether all hold the final receipt."""
        return self._closing.done

    @property
    def complete(self) -> bool:
        """Whether all have signed the receipt: nobody can end the task otherwise any more."""
        return self._closing.complete

    @property
    def receipt_digest(self) -> str | None:
        """Digest of the receipt, once there is one."""
        return self._closing.receipt_digest

    def wipe(self) -> None:
        """Drop data and models."""
        self._rounds.stop()
        self._course.wipe()

    def remove_stored(self) -> None:
        """The task has ended: no other enclave will take it up."""
        if self._context.store is not None:
            self._context.store.remove()

    # --- what is said --------------------------------------------------------------------------------

    def _talk(self) -> Says:
        """All that can be said now, to everybody whose channel is open and whose turn it is not."""
        while (say := self._next()) is not None:
            yield say

    def _next(self) -> Say | None:
        for party in self._context.config.participants:
            place = self._course.places.get(party)
            if place is None or not place.present:
                continue
            found = self._words[place.state](place) if place.state in self._words else None
            if found is not None:
                said = found if isinstance(found, Spoken) else Spoken(found)
                place.session = place.session.say(Role.C, said.message)
                place.since = self._course.now()
                return Say(party, said.message, said.payload)
        return None

    def _first_word(self, place: Place) -> Message | None:
        """To a channel that has just opened: where its participant goes on."""
        if self._course.pending:
            return self._takeover.word(place)
        if self._course.over:
            return self._closing.final(place)
        said = self._rounds.agreed(place) or self._negotiation.renewed(place) or self._closing.receipt(place)
        if said is None and self._closing.signers is None:
            said = self._negotiation.opening_word(place)
        return said

    def _after_round(self, place: Place) -> Message | None:
        return self._closing.receipt(place) or self._negotiation.next_offer(place)

    def _acknowledge(self, place: Place, message: Message, payload: Payload) -> None:
        """Of the result, or, as the last word of all, of the receipt."""
        last = place.state is State.CLOSED
        (self._closing if last else self._rounds).acknowledge(place, message, payload)
