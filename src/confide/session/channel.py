"""One end of a joined channel: every message is judged by the table and sealed, in that order."""

from confide.core.envelope import Envelope
from confide.core.errors import LocalProtocolError, RemoteProtocolError
from confide.crypto.sealed import OpeningKey, SealingKey
from confide.protocol import framing
from confide.protocol.framing import Payload, Spoken
from confide.protocol.kinds import Kind
from confide.protocol.machine import Session
from confide.protocol.messages import Message
from confide.protocol.roles import Role


class SealedChannel:
    """Stateful: holds the keys of both directions and the Session. Not thread-safe.

    After an error of `hear` nothing more can be heard: all that is left is to say ABORT.
    """

    def __init__(self, *, us: Role, session: Session, sealing: SealingKey, opening: OpeningKey) -> None:
        self._us = us
        self._them = session.channel if us is Role.C else Role.C
        self._sealing = sealing
        self._opening = opening
        self.session = session

    def say(self, message: Message, payload: Payload = b"") -> Envelope:
        """The sealed envelope of our next message.

        Raises:
            LocalProtocolError: the table does not allow it now, or it has no canonical form (a number that is
                not finite, say).
            LimitExceeded: it is longer than MAX_MESSAGE_BYTES.
        """
        after = self.session.say(self._us, message)
        try:
            header = framing.encode_header(Spoken(message, payload))
        except ValueError as cause:
            raise LocalProtocolError(f"'{message.kind}' can't be encoded: {cause}") from None
        envelope = self._sealing.seal(header, self.session.epoch, payload)
        self.session = after
        return envelope

    def hear(self, envelope: Envelope) -> Spoken:
        """Open and judge the other end's next message.

        Raises:
            SealError: it does not open: altered, replayed, reordered, or not from there.
            RemoteProtocolError: it opens, but is malformed or not allowed now.
        """
        epoch, plaintext = self._opening.open(envelope, max_epoch=self.session.epoch)
        try:
            return self._judge(epoch, plaintext)
        except RemoteProtocolError:
            self._opening.destroy()
            raise

    def _judge(self, epoch: int, plaintext: memoryview) -> Spoken:
        spoken = framing.decode(plaintext)
        # An ABORT may cross our own last message, which may have turned the phase: it alone may be older.
        if epoch != self.session.epoch and spoken.message.kind is not Kind.ABORT:
            raise RemoteProtocolError("a message was sealed in another phase than it belongs to")
        self.session = self.session.hear(self._them, spoken.message)
        return spoken

    def destroy(self) -> None:
        """Wipe the keys, as far as Python allows. Idempotent; afterwards `say` and `hear` raise SealError."""
        self._sealing.destroy()
        self._opening.destroy()

    def __repr__(self) -> str:
        return f"SealedChannel({self.session.channel.name}, {self.session.state})"
