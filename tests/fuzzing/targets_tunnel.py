"""What the other party says through the tunnel: frames of connections, and words."""

import socket
import struct
import threading
from contextlib import suppress

from fuzzing.harness import Target

from confide.core.errors import ChannelClosed, LimitExceeded, RemoteProtocolError
from confide.mpc import tunnel

_OPEN, _DATA, _END, _WORD = range(4)


def frame(connection, kind, data=b""):
    return struct.pack(">IBI", connection, kind, len(data)) + data


EXAMPLES = [
    frame(1, _OPEN) + frame(1, _DATA, b"hello") + frame(1, _DATA, b"again") + frame(1, _END),
    frame(1, _OPEN)
    + frame(3, _OPEN)
    + frame(3, _DATA, b"x" * 300)
    + frame(1, _END)
    + frame(5, _DATA, b"late"),
    frame(0, _WORD, b'{"found":false}') + frame(0, _WORD, b"done"),
]

ENDED_TWICE = frame(1, _OPEN) + frame(1, _END) + frame(1, _END)


class _Silent:
    """A stream on which nothing comes by itself: what the other end says is heard by hand."""

    def __init__(self):
        self._over = threading.Event()

    def send(self, data):
        pass

    def receive(self):
        self._over.wait()
        raise ChannelClosed("over")

    def close(self):
        self._over.set()


def _reached(listener):
    """What each connection that the other end opened has got, once the tunnel has let go of it."""
    listener.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            accepted, _ = listener.accept()
            accepted.settimeout(2)
            with accepted:
                yield accepted


def _all_of(connection):
    got = bytearray()
    with suppress(ConnectionError):
        while data := connection.recv(1 << 16):
            got += data
    return bytes(got)


def _hear(data):
    """All that is taken are frames as they were sent; a program gets its connection's bytes and no others."""
    said, ended, counted = {}, set(), 0
    with socket.create_server((tunnel.LOOPBACK, 0)) as program:
        with tunnel.Tunnel(_Silent(), lambda: program.getsockname()[1], first=True) as ours:
            buffer, taken = bytearray(data), bytearray()
            while (heard := tunnel._take(buffer)) is not None:
                number, kind, content = heard
                taken += frame(number, kind, content)
                is_open = number in ours._connections
                ours._heard(number, kind, content)
                if kind == _END:
                    ended.add(number)
                elif kind == _DATA and is_open:
                    counted += len(content)
                    said[number] = said.get(number, b"") + (b"" if number in ended else content)
            assert taken + buffer == data
            assert ours.received == counted
        everything = sorted(_all_of(each) for each in _reached(program))
    assert [part for part in everything if part] == sorted(part for part in said.values() if part)


def targets():
    return [Target("tunnel-frames", EXAMPLES, _hear, (RemoteProtocolError, LimitExceeded), weight=1)]
