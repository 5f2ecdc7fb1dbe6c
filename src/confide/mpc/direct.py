"""A connection of two parties that can reach each other, in the place of the relay. TLS runs over it as it
does over the relay's (end_to_end.py): nothing that comes here is believed before that.
"""

import errno
import select
import socket
import struct
from contextlib import suppress
from typing import Self

from confide.core import limits
from confide.core.addresses import host_and_port
from confide.core.envelope import Envelope
from confide.core.errors import ChannelClosed, ConfigurationError


class SocketLink:
    """Implements core.ports.Link: bytes in order; where one envelope ends is not kept."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        stall = struct.pack("@ll", limits.STALL_SECONDS, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stall)
        self._connection = connection

    def send(self, envelope: Envelope) -> None:
        """Raises ChannelClosed."""
        try:
            self._connection.sendall(bytes(envelope))
        except OSError as cause:
            raise ChannelClosed(f"the other party's end is gone ({cause.strerror})") from None

    def receive(self, timeout: float | None = None) -> Envelope:
        """What has come. Raises ChannelClosed; TimeoutError after `timeout` seconds."""
        try:
            poll = select.poll()
            poll.register(self._connection, select.POLLIN)
            ready = poll.poll(None if timeout is None else timeout * 1000)
            data = self._connection.recv(limits.TUNNEL_FRAME_BYTES) if ready else b""
        except (OSError, ValueError):  # closed by another thread of ours, too
            ready, data = [(0, 0)], b""
        if not ready:
            raise TimeoutError
        if not data:
            raise ChannelClosed("the other party's end is gone")
        return data

    def close(self) -> None:
        """Idempotent. What was sent still goes out."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def connect(address: str) -> SocketLink:
    """Raises TimeoutError: nobody is there yet."""
    try:
        return SocketLink(socket.create_connection(host_and_port(address), limits.CONNECT_SECONDS))
    except OSError:
        raise TimeoutError from None


class Listener:
    """At our own address, for one intersection at a time. A context."""

    def __init__(self, address: str) -> None:
        """Raises TimeoutError: another intersection of ours is there; ConfigurationError: it can't listen."""
        host, port = host_and_port(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except OSError as cause:
            if cause.errno == errno.EADDRINUSE:
                raise TimeoutError from None
            raise ConfigurationError(f"[mpc.direct] listen = {address!r}: {cause.strerror}") from None

    def accept(self, seconds: float) -> SocketLink:
        """Whoever comes: a stranger perhaps. Raises TimeoutError."""
        self._socket.settimeout(seconds)
        connection, _ = self._socket.accept()
        return SocketLink(connection)

    def close(self) -> None:
        """Idempotent."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
