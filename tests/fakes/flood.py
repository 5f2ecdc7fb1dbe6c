"""Servers over real loopback TLS, and peers that misbehave below the level of our own clients."""

import contextlib
import socket
import time

from fakes.authority import Authority

from confide.core.platform_api import AttestReply
from confide.transport import pinned
from confide.transport.enclave_client import PinnedEnclave
from confide.transport.enclave_server import serve_enclave
from confide.transport.pinned import fetch_certificate
from confide.transport.serving import grpc

__all__ = ["grpc"]
"""By way of our own package, which must be imported first (transport/__init__.py)."""


def answer(nonce):
    return AttestReply(evidence=b"evidence for " + nonce, config=b"{}")


def echo(_certificate, link):
    while True:
        link.send(link.receive())


def enclave(authority: Authority, **changes):
    served = {"on_channel": echo, "attest": answer} | changes
    return serve_enclave("127.0.0.1:0", **authority.enclave().tls, ca_pem=authority.ca_pem, **served)


def party(server, authority, name):
    pem = fetch_certificate(server.address).encode()
    return PinnedEnclave(server.address, pem, **authority.party(name).tls)


def raw_channel(server, authority, name):
    """A gRPC channel without any of our client's limits."""
    pem = fetch_certificate(server.address).encode()
    return pinned.pinned_channel(server.address, pinned_pem=pem, **authority.party(name).tls)


@contextlib.contextmanager
def half_open(address, count):
    """TCP connections that begin TLS, or do not even, and then say nothing."""
    host, port = address.rsplit(":", 1)
    opened = []
    try:
        for number in range(count):
            connection = socket.create_connection((host, int(port)), timeout=10)
            opened.append(connection)
            if number % 2:
                connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # half a ClientHello
        yield opened
    finally:
        for connection in opened:
            connection.close()


def closed_by_the_server(connection, seconds):
    """Whether the other end closes a silent connection within `seconds`."""
    connection.settimeout(seconds)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def within(seconds, found):
    """Whether `found()` becomes true."""
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
