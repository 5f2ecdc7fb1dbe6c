"""How two parties of a task meet: through the host's relay, or directly where both have configured that.

Both ways end in the same TLS between the parties' own identities.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from confide.app.party import Party
from confide.core import limits
from confide.core.errors import (
    CertificateInvalid,
    ChannelClosed,
    IntersectionFailed,
    LimitExceeded,
    RemoteProtocolError,
    SealError,
    TooManyCalls,
    TransportError,
)
from confide.core.platform_api import TaskState
from confide.core.ports import Link
from confide.crypto.certificates import verify_role
from confide.crypto.identity import IdentityRole
from confide.mpc import direct
from confide.mpc.end_to_end import Ends, SecureLink
from confide.mpc.tunnel import Tunnel
from confide.protocol import faults
from confide.transport.host_client import HostClient

T = TypeVar("T")
_LOOK_SECONDS = 2 * limits.POLL_SECONDS
"""How often somebody who waits for the other party asks the host whether there is still a task."""
_LOST = (TransportError, RemoteProtocolError, SealError)
"""What a tunnel that breaks, or never stands, ends in."""


class NobodyCame(Exception):
    """The other party did not come in the time that was left to it: no error where it need not come."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where


@dataclass(frozen=True, slots=True)
class Meeting:
    """One of our tasks."""

    party: Party
    host: HostClient
    task_id: str
    cancelled: threading.Event

    @contextmanager
    def tunnel(
        self, peer: str, purpose: str, target: Callable[[], int], *, client: bool, patience: float
    ) -> Iterator[Tunnel]:
        """`patience` in seconds. Raises IntersectionFailed, NobodyCame, CertificateInvalid, TaskCancelled."""
        ends = self._ends(peer, purpose, client=client)
        until = self.party.clock.monotonic() + patience
        with self._secured(peer, ends, until) as secured, Tunnel(secured, target, first=client) as tunnel:
            yield tunnel

    def over(self) -> str | None:
        """How the task has ended, if it has. A host that is away does not know."""
        try:
            status = self.host.get_task(self.task_id)
        except TransportError:
            return None
        return (status.outcome or "unknown") if status.state is TaskState.ENDED else None

    @contextmanager
    def _secured(self, peer: str, ends: Ends, until: float) -> Iterator[SecureLink]:
        route = self.party.config.config.mpc.direct.get(peer)
        try:
            if route is None:
                secured = self._relayed(peer, ends, until)
            elif route.listen is not None:
                secured = self._listened(route.listen, ends, until)
            else:
                secured = self._connected(route.address or "", ends, until)
        except _LOST as cause:
            raise IntersectionFailed(f"no tunnel to {peer}: {cause.message}", blame=peer) from None
        with closing(secured):
            yield secured

    def _relayed(self, peer: str, ends: Ends, until: float) -> SecureLink:
        """A leg waits only so long at the host; the peer may be at another intersection for longer.

        Where the host has no room for the leg nobody can come yet, and nobody is to blame.
        """
        while True:
            leg = self.host.relay(self.task_id, peer)
            try:
                self._wait(partial(leg.receive, _LOOK_SECONDS), peer, until)  # empty: the peer has come
                break
            except ChannelClosed:
                leg.close()
                if self.over() or self.party.clock.monotonic() > until:
                    raise
                self.cancelled.wait(limits.POLL_SECONDS)
            except (TooManyCalls, LimitExceeded):
                leg.close()
                self._check_alive()
                if self.party.clock.monotonic() > until:
                    raise NobodyCame(peer) from None
                self.cancelled.wait(limits.RELAY_SECONDS)
            except BaseException:
                leg.close()
                raise
        return _over(leg, ends)

    def _connected(self, address: str, ends: Ends, until: float) -> SecureLink:
        reached = partial(self._after_a_pause, partial(direct.connect, address))
        return _over(self._wait(reached, address, until), ends)

    def _listened(self, address: str, ends: Ends, until: float) -> SecureLink:
        """Anybody may connect: who does not prove to be the peer is let go, and the next one heard."""
        listening = partial(self._after_a_pause, partial(direct.Listener, address))
        with self._wait(listening, address, until) as listener:
            while True:
                link = self._wait(lambda: listener.accept(limits.POLL_SECONDS), address, until)
                try:
                    return _soon_over(link, ends)
                except (*_LOST, CertificateInvalid):
                    continue

    def _wait(self, come: Callable[[], T], where: str, until: float) -> T:
        """What `come` returns, which raises TimeoutError as long as nobody has."""
        while True:
            try:
                return come()
            except TimeoutError:
                self._check_alive()
                if self.party.clock.monotonic() > until:
                    raise NobodyCame(where) from None

    def _after_a_pause(self, come: Callable[[], T]) -> T:
        """`come`, which raises TimeoutError at once, made to raise it after a while."""
        try:
            return come()
        except TimeoutError:
            self.cancelled.wait(limits.POLL_SECONDS)
            raise

    def _check_alive(self) -> None:
        if self.cancelled.is_set():
            raise faults.cancelled(self.party.me)
        if outcome := self.over():
            raise ChannelClosed(f"the task has ended ({outcome})")

    def _ends(self, peer: str, purpose: str, *, client: bool) -> Ends:
        party, identity = self.party, self.party.identity

        def check(certificate: bytes) -> None:
            found = verify_role(certificate, identity.ca_pem, party.clock.now(), IdentityRole.PARTY)
            if found.name != peer:
                raise CertificateInvalid(f"{found.name} is at the other end of the tunnel, not {peer}")

        return Ends(
            key=identity.private_key,
            certificate_pem=identity.certificate_pem,
            ca_pem=identity.ca_pem,
            check_peer=check,
            client=client,
            purpose=purpose,
            randomness=party.randomness,
        )


def _soon_over(link: Link, ends: Ends) -> SecureLink:
    """However slowly somebody speaks, the next one is heard after a while."""
    limit = threading.Timer(limits.DIRECT_HANDSHAKE_SECONDS, link.close)
    limit.start()
    try:
        return _over(link, ends)
    finally:
        limit.cancel()


def _over(link: Link, ends: Ends) -> SecureLink:
    try:
        return SecureLink(link, ends)
    except BaseException:
        link.close()
        raise
