"""Two tunnel ends through a real host over loopback mutual TLS, and what the host sees of it."""

import contextlib
import socket
import threading
from contextlib import ExitStack, contextmanager

from fakes import host_alone
from fakes.ports import FakeClock

from confide.app.system import SystemRandomness
from confide.core.digest import sha384_hex
from confide.crypto.certificates import verify_role
from confide.crypto.identity import IdentityRole
from confide.mpc.end_to_end import Ends, SecureLink
from confide.mpc.tunnel import Tunnel
from confide.transport.memory import link_pair

PURPOSE = sha384_hex(b"one intersection")


def ends(authority, me, peer, *, purpose=PURPOSE, client=None):
    holder = authority.party(me)

    def check(certificate):
        found = verify_role(certificate, authority.ca_pem, authority.now, IdentityRole.PARTY)
        assert found.name == peer, found.name

    return Ends(
        key=holder.key,
        certificate_pem=holder.certificate_pem,
        ca_pem=authority.ca_pem,
        check_peer=check,
        client=me < peer if client is None else client,
        purpose=purpose,
        randomness=SystemRandomness(),
    )


def both(*works):
    """What functions return, or raise, that wait for each other."""
    found = [None] * len(works)

    def run(place, work):
        try:
            found[place] = work()
        except Exception as error:  # noqa: BLE001 - handed to the test
            found[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)  # a shared machine may be slow
        assert not thread.is_alive()
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def paired(link):
    """A leg whose other end is there."""
    assert bytes(link.receive(10)) == b""
    return link


@contextmanager
def hosted(authority, folder, providers=("bob",)):
    """(service, server, a task of alice and `providers`)."""
    clock = FakeClock(authority.now)
    service = host_alone.service_of(authority, clock, folder)
    task = service.create_task(host_alone.caller("alice"), host_alone.request(providers=providers)).id
    with host_alone.serve(authority, service, clock) as server:
        yield service, server, task


@contextmanager
def tunnels(authority, host, task, targets, wrap=lambda link: link):
    """The ends of alice and bob, each with the port of its program."""
    with ExitStack() as stack:
        clients = {
            name: stack.enter_context(host_alone.client(host, authority, name)) for name in ("alice", "bob")
        }
        pairs = (("alice", "bob"), ("bob", "alice"))

        def secure(me, peer):
            link = paired(wrap(clients[me].relay(task, peer)))
            return SecureLink(link, ends(authority, me, peer))

        found = both(*[lambda pair=pair: secure(*pair) for pair in pairs])
        for each in found:
            if isinstance(each, Exception):
                raise each
        yield [
            stack.enter_context(Tunnel(stream, lambda name=name: targets[name], first=name == "alice"))
            for (name, _), stream in zip(pairs, found, strict=True)
        ]


@contextlib.contextmanager
def echoing(change=lambda data: data):
    """A program at a port that answers what it hears."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection):
        with connection:
            while data := connection.recv(1 << 16):
                connection.sendall(change(data))

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def ask(port, data):
    """What comes back, read while it is being sent."""

    def send():
        with contextlib.suppress(OSError):  # the other side may end first
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        threading.Thread(target=send, daemon=True).start()
        pieces = []
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
        return b"".join(pieces)


class Seeing:
    """A link whose bytes are kept, as the host could."""

    def __init__(self, link, seen):
        self._link, self._seen = link, seen
        self.close = link.close

    def send(self, envelope):
        self._seen.append(bytes(envelope))
        self._link.send(envelope)

    def receive(self, timeout=None):
        envelope = self._link.receive(timeout)
        self._seen.append(bytes(envelope))
        return envelope


def secured(left_ends, right_ends):
    left, right = link_pair()
    return both(lambda: SecureLink(left, left_ends, 5), lambda: SecureLink(right, right_ends, 5))
