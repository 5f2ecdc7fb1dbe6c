"""One channel's state, judged by the table. Immutable: `say` and `hear` return the next Session, or raise."""

from dataclasses import dataclass, replace

from confide.core.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from confide.protocol.kinds import Kind
from confide.protocol.messages import Message
from confide.protocol.roles import Role
from confide.protocol.table import TERMINAL, TRANSITIONS, State, phase_of


@dataclass(frozen=True, slots=True)
class Session:
    """Where the channel of one party stands. Both of its ends hold equal Sessions after each message.

    `channel` is Role.A or Role.B; `epoch` counts phase changes: messages said in a state are sealed under
    the keys of that state's epoch (spec/protocol.md, "Ratchet").
    """

    channel: Role
    state: State = State.UNVERIFIED
    epoch: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more may be said."""
        return self.state in TERMINAL

    def say(self, speaker: Role, message: Message) -> "Session":
        """Judge a message that we are about to send. Raises LocalProtocolError: it would be our bug."""
        return self._judge(speaker, message.kind, LocalProtocolError)

    def hear(self, speaker: Role, message: Message) -> "Session":
        """Judge a message that the other end sent. Raises RemoteProtocolError.

        `speaker` comes from the opened seal (its direction), never from the message itself.
        """
        return self._judge(speaker, message.kind, RemoteProtocolError)

    def may(self, speaker: Role, kind: Kind) -> bool:
        """Whether the table has a row for this."""
        return (self.channel, self.state, speaker, kind) in TRANSITIONS

    def _judge(self, speaker: Role, kind: Kind, error: type[ProtocolError]) -> "Session":
        after = TRANSITIONS.get((self.channel, self.state, speaker, kind))
        if after is None:
            raise error(
                f"the {speaker} may not say '{kind}' while the {self.channel} channel is {self.state}"
            )
        turned = phase_of(after) is not phase_of(self.state)
        return replace(self, state=after, epoch=self.epoch + turned)
