"""Who may come in: the TLS peer must be a participant, and its JOIN must hold. One thread per stream."""

import threading

from confide.core import limits
from confide.core.errors import ChannelClosed, ConfideError, RemoteProtocolError
from confide.core.ports import Envelope, Link
from confide.crypto.session_secret import HpkeKey
from confide.enclave.context import EnclaveContext
from confide.enclave.driver import Event, Heard, Joined, Lost
from confide.enclave.inbox import Inbox
from confide.protocol.roles import Role
from confide.session.join import Attested, accept


class Door:
    """Accepts one channel per participant and feeds what comes through it into the inbox."""

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
        self._inside: set[str] = set()
        self._lock = threading.Lock()

    def serve(self, certificate: bytes, link: Link) -> None:
        """Returns when the link has ended. Raises ConfideError when the peer is refused."""
        member = self._context.member_of_certificate(certificate, self._context.clock.now())
        config = self._context.config
        if member.name not in config.participants:
            raise RemoteProtocolError(f"{member.name} takes no part in this task", blame=member.name)
        role = Role.A if member.name == config.initiator else Role.B
        channel = accept(
            self._first(link),
            self._enclave,
            party=member.name,
            role=role,
            certificate=certificate,
            party_key=member.public_key,
            hpke_key=self._hpke_key,
        )
        self._enter(member.name)
        self._inbox.put(Joined(member, channel, link))
        self._feed(member.name, link)

    @staticmethod
    def _first(link: Link) -> Envelope:
        """A stream that says nothing must not be held open for long."""
        try:
            return link.receive(timeout=limits.CALL_SECONDS)
        except TimeoutError:
            raise RemoteProtocolError(f"no JOIN came within {limits.CALL_SECONDS} s") from None

    def _enter(self, name: str) -> None:
        with self._lock:
            if name in self._inside:
                raise RemoteProtocolError(f"{name} has joined this task already", blame=name)
            self._inside.add(name)

    def _feed(self, name: str, link: Link) -> None:
        """The inbox is bounded: a party that sends faster than the enclave takes is held back by its link."""
        try:
            while True:
                self._inbox.put(Heard(name, link.receive()))
        except (ChannelClosed, ConfideError):
            self._inbox.put(Lost(name))
