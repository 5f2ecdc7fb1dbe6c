"""Everything the enclave knows about its one task, and where each participant's channel stands in it."""

from dataclasses import dataclass, field

from confide.core.digest import same
from confide.core.errors import RemoteProtocolError, TakeoverRefused
from confide.enclave.coordination.context import EnclaveContext, Member
from confide.enclave.coordination.round import Round
from confide.enclave.storage.vault import Vault
from confide.protocol.blocks import Block, SignedBlock
from confide.protocol.machine import Session
from confide.protocol.messages import JoinStatement, Message
from confide.protocol.roles import Role
from confide.protocol.table import State


@dataclass(slots=True)
class Place:
    """One participant's newest channel, as far as what came over it has been handled."""

    member: Member
    session: Session
    round: int
    """How many rounds this participant has finished: the index of the one that its channel is in."""
    statement: JoinStatement
    """What it said when it joined."""
    since: int
    """When something was last heard from it or said to it, or when its channel was lost."""
    present: bool = True
    answer: Message | None = None
    """What a handler has decided to say next: a verdict, a request to repeat, progress."""
    notice: str | None = None
    """The initiator's commitment, as this provider has been told it."""
    block: Block | None = None
    """The block that it was asked to sign."""
    offset: int = 0
    """Of the result: from where the next part goes out."""
    fetched: bool = False
    """Whether the result has been asked for on this channel."""

    @property
    def name(self) -> str:
        """The participant's."""
        return self.member.name

    @property
    def state(self) -> State:
        """Of the channel."""
        return self.session.state


@dataclass(slots=True)
class Course:
    """The rounds so far, and what outlives a round."""

    context: EnclaveContext
    started_at: int
    places: dict[str, Place] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    models: dict[str, tuple[SignedBlock, bytes]] = field(default_factory=dict, repr=False)
    """By digest: the agreement under which a model was trained, and its bytes."""
    vault: Vault = field(init=False)
    acknowledged: int = 0
    """How many rounds the initiator has acknowledged."""
    pending: bool = field(init=False)
    """Whether this enclave takes another's place, and it is not yet known where the task stands."""
    awaited: frozenset[str] = field(init=False)
    """Who has to tell, while it is pending."""

    over: bool = False
    """Whether an enclave that has died had come to the end: all that is left is to hand on its receipt."""
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        config = self.context.config
        self._began = self.context.clock.monotonic()
        self.vault = Vault(self.context.spools)
        self.pending, self.awaited = config.generation > 0, frozenset({config.initiator})

    def now(self) -> int:
        """Unix time counted from our beginning, for waiting: a step of the wall clock makes nobody late."""
        return self.started_at + int(self.context.clock.monotonic() - self._began)

    def round_of(self, place: Place) -> Round | None:
        """The round that a channel is in; None when its participant has finished all that there are."""
        return self.rounds[place.round] if place.round < len(self.rounds) else None

    def current(self, place: Place) -> Round:
        """As `round_of`, for words that only make sense in a round."""
        found = self.round_of(place)
        if found is None:
            raise RemoteProtocolError("there is no proposal yet", blame=place.name)
        return found

    @property
    def last(self) -> Round | None:
        """The newest round."""
        return self.rounds[-1] if self.rounds else None

    @property
    def under_way(self) -> Round | None:
        """The round that the initiator has not acknowledged yet."""
        return self.rounds[self.acknowledged] if self.acknowledged < len(self.rounds) else None

    def enter(self, member: Member, statement: JoinStatement) -> Place:
        """A channel has opened; an earlier one of this participant counts no more.

        Raises RemoteProtocolError: what the participant says it has finished can't be.
        """
        self.leave(member.name)
        self.context.members[member.name] = member
        role = Role.A if member.name == self.context.config.initiator else Role.B
        session = Session(role, State.JOINED, 1)
        place = Place(member, session, 0, statement, self.now())
        if not self.pending and not self.over:
            self.settle(place)
        self.places[member.name] = place
        return place

    def settle(self, place: Place) -> None:
        """The round that its participant is in. Raises RemoteProtocolError: what it said can't be."""
        self._check_certificate(place.member)
        self._check_statement(place.name, place.statement)
        place.round = min(place.statement.finished, self._worked)

    @property
    def _worked(self) -> int:
        return sum(done.statement is not None for done in self.rounds)

    def _check_certificate(self, member: Member) -> None:
        """What is signed from now on stands beside the certificates that the agreements name."""
        for done in self.rounds:
            block = done.renews.block if done.renews is not None else done.block
            if block is None or block.identities[member.name].certificate == member.certificate:
                continue
            text = f"{member.name} has joined under another certificate than it agreed with"
            raise TakeoverRefused(text, blame=member.name)

    def leave(self, party: str) -> None:
        """A channel has ended: what was said over it in a negotiation that is not over counts no more."""
        place = self.places.get(party)
        if place is None or not place.present:
            return
        place.present, place.since = False, self.now()
        current = self.round_of(place)
        if current is not None:
            current.forget(party)

    def _check_statement(self, party: str, statement: JoinStatement) -> None:
        finished = statement.finished
        initiator = party == self.context.config.initiator
        least, most = (self.acknowledged if initiator else 0), self._worked
        if not initiator and self.context.config.generation:
            most += 1  # its end was told, and the result lost with the enclave: it is worked again
        if not least <= finished <= most:
            raise RemoteProtocolError(f"{party} says that it has finished {finished} rounds", blame=party)
        if statement.agreed is None:
            return
        # The last block that it holds is that of the round it is in, or of the one before.
        near = self.rounds[max(0, finished - 1) : finished + 1]
        known = [digest for done in near for digest in done.digests]
        if not any(same(statement.agreed, digest) for digest in known):
            raise RemoteProtocolError(f"{party} holds an agreement that was not made here", blame=party)

    def wipe(self) -> None:
        """Drop data, models and rounds."""
        self.vault.wipe()
        self.models.clear()
        self.rounds.clear()

    def end_wait(self) -> None:
        """Work is over: from now on those who are away are waited for."""
        for place in self.places.values():
            if not place.present:
                place.since = self.now()
