"""One stream of a participant, from its JOIN to its end: what the door lets in and the driver talks to."""

from dataclasses import dataclass, field

from confide.core.envelope import Envelope
from confide.core.ports import Link
from confide.enclave.coordination.context import Member
from confide.protocol.messages import JoinStatement
from confide.session.channel import SealedChannel


@dataclass(eq=False, slots=True)
class Visit:
    """A participant's JOIN was accepted; its stream is open. Each new one takes the place of the last."""

    member: Member
    statement: JoinStatement
    channel: SealedChannel = field(repr=False)
    link: Link = field(repr=False)
    broken: bool = False
    """Nothing more is said or heard on it."""

    @property
    def name(self) -> str:
        """The participant's."""
        return self.member.name


@dataclass(frozen=True, slots=True)
class Joined:
    """A stream has opened."""

    visit: Visit


@dataclass(frozen=True, slots=True)
class Heard:
    """A sealed envelope came."""

    visit: Visit
    envelope: Envelope = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """A stream has ended."""

    visit: Visit


Event = Joined | Heard | Lost
