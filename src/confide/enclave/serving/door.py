"""Who may come in: the TLS peer must be a participant, and its JOIN must hold. One thread per stream."""

import threading

from confide.core import limits
from confide.core.digest import same
from confide.core.envelope import Envelope
from confide.core.errors import ChannelClosed, ConfideError, LimitExceeded, RemoteProtocolError
from confide.core.ports import Link
from confide.crypto.session_secret import HpkeKey
from confide.enclave.coordination.context import EnclaveContext
from confide.enclave.serving.inbox import Inbox
from confide.enclave.serving.visits import Event, Heard, Joined, Lost, Visit
from confide.protocol.roles import Role
from confide.session.join import Attested, accept


class Door:
    """Lets each participant have one channel, the newest, and feeds what comes through it into the inbox."""

    def __init__(
        self,
        context: EnclaveContext,
        enclave: Attested,
        hpke_key: HpkeKey,
        inbox: Inbox[Event],
    ) -> None:
        self._context = context
        self._enclave = enclave
        self._hpke_key = hpke_key
        self._inbox = inbox
        self._visits: dict[str, list[Visit]] = {}
        """Of each participant, all that there were: what one has joined with is not accepted again."""
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """The task has ended: nobody comes in any more, and who is in hears what was said, and goes.

        Without it the end would wait for a party that has just come in, to whom nobody speaks any more.
        """
        with self._lock:
            self._closed = True
            newest = [visits[-1] for visits in self._visits.values()]
        for visit in newest:
            visit.link.close()

    def serve(self, certificate: bytes, link: Link) -> None:
        """Returns when the link has ended. Raises ConfideError when the peer is refused, or has come anew."""
        visit = self._admit(certificate, link)
        try:
            self._enter(visit)
        except ConfideError:
            visit.channel.destroy()
            raise
        self._feed(visit)
        if self._visits[visit.name][-1] is not visit:
            raise RemoteProtocolError(f"{visit.name} has joined again: this channel has ended")

    def _admit(self, certificate: bytes, link: Link) -> Visit:
        member = self._context.member_of_certificate(certificate, self._context.clock.now())
        config = self._context.config
        if member.name not in config.participants:
            raise RemoteProtocolError(f"{member.name} takes no part in this task", blame=member.name)
        statement, channel = accept(
            self._first(link),
            self._enclave,
            party=member.name,
            role=Role.A if member.name == config.initiator else Role.B,
            certificate=certificate,
            party_key=member.public_key,
            hpke_key=self._hpke_key,
        )
        return Visit(member, statement, channel, link)

    @staticmethod
    def _first(link: Link) -> Envelope:
        """A stream that says nothing must not be held open for long."""
        try:
            return link.receive(timeout=limits.CALL_SECONDS)
        except TimeoutError:
            raise RemoteProtocolError(f"no JOIN came within {limits.CALL_SECONDS} s") from None

    def _enter(self, visit: Visit) -> None:
        with self._lock:
            if self._closed:
                raise ChannelClosed("the task has ended")
            earlier = self._visits.setdefault(visit.name, [])
            if earlier:
                _check_rejoin(visit, earlier)
                # Before anything of the new one is taken: nobody is served on two channels.
                earlier[-1].link.close()
            earlier.append(visit)
            self._inbox.put(Joined(visit))

    def _feed(self, visit: Visit) -> None:
        """The inbox is bounded: a party that sends faster than the enclave takes is held back by its link."""
        try:
            while True:
                self._inbox.put(Heard(visit, visit.link.receive()))
        except (ChannelClosed, ConfideError):
            self._inbox.put(Lost(visit))


def _check_rejoin(visit: Visit, earlier: list[Visit]) -> None:
    """Whoever holds the key that joined first, and says so anew, is that participant.

    A secret that is used again would give the keys of an earlier channel again.

    Raises:
        RemoteProtocolError: another certificate than that of the first JOIN, or a JOIN that has been used.
        LimitExceeded: too many.
    """
    name = visit.name
    if not same(visit.member.certificate, earlier[0].member.certificate):
        text = f"{name} has joined this task under another certificate"
        raise RemoteProtocolError(text, blame=name)
    used = (other.statement.sealed_secret for other in earlier)
    if any(same(visit.statement.sealed_secret, secret) for secret in used):
        raise RemoteProtocolError(f"{name} has joined with this JOIN already", blame=name)
    if len(earlier) > limits.MAX_REJOINS:
        raise LimitExceeded(f"{name} has come back {limits.MAX_REJOINS} times", blame=name)
