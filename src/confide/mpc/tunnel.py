"""A tunnel between two loopback ports: what connects to one end comes out at the other.

Frame: connection u32 ‖ kind u8 ‖ length u32 ‖ bytes, big-endian. Connections that this end accepted have even
numbers at the end that speaks first (`first`), odd ones at the other. All connections share the link: one
whose reader is slow holds the others back, and, through the relay, the other end.
"""

import queue
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from types import TracebackType
from typing import Protocol, Self

from confide.core import limits
from confide.core.errors import ChannelClosed, ConfideError, LimitExceeded, RemoteProtocolError

LOOPBACK = "127.0.0.1"
_TRY_SECONDS = 0.02
_HEADER = struct.Struct(">IBI")


class _Kind(IntEnum):
    OPEN = 0
    DATA = 1
    END = 2
    WORD = 3
    """Of no connection: from one user of the tunnel to the other."""
    LIFE = 4
    """Of no connection: the program at the end that says it is at work."""


class Stream(Protocol):
    """`end_to_end.SecureLink`."""

    def send(self, data: bytes) -> None: ...
    def receive(self) -> bytes: ...
    def close(self) -> None: ...


class Tunnel:
    """One end. Listens at `address`; what the other end accepts is connected to our `target`. A context."""

    def __init__(self, stream: Stream, target: Callable[[], int], *, first: bool) -> None:
        """`target()`: the port of our own program, on loopback; asked at each connection."""
        self._stream, self._target = stream, target
        self._next = 0 if first else 1
        self._connections: dict[int, socket.socket] = {}
        self._ended: dict[int, set[bool]] = {}
        """Of connections, which directions have ended: our program's (True), the other end's."""
        self._reached = False
        """Whether our program has listened."""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._words: queue.Queue[bytes | None] = queue.Queue(limits.MAX_TUNNEL_WORDS)
        self.error: ConfideError | None = None
        """Why the tunnel ended, if it was not `close`."""
        self.sent = self.received = 0
        """Bytes of connections, without frames and TLS."""
        self._lives = 0
        self._listener = socket.create_server((LOOPBACK, 0), backlog=limits.MAX_TUNNEL_CONNECTIONS)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._accept, self._deliver)]
        for thread in self._threads:
            thread.start()

    @property
    def over(self) -> bool:
        """Whether the tunnel carries nothing any more."""
        return self._over.is_set()

    @property
    def traffic(self) -> tuple[int, int, int]:
        """(bytes sent, bytes received, how often the other end has said that its program is at work)."""
        return self.sent, self.received, self._lives

    def live(self) -> None:
        """Our program is at work. Raises TransportError."""
        self._say(0, _Kind.LIFE)

    def say(self, word: bytes) -> None:
        """To the user of the other end. Raises TransportError."""
        self._say(0, _Kind.WORD, word)

    def hear(self, seconds: float) -> bytes:
        """The next word of the other end's user. Raises TimeoutError; ChannelClosed when none will come."""
        try:
            word = self._words.get(timeout=seconds)
        except queue.Empty:
            if self.over:
                raise closed(self) from None
            raise TimeoutError from None
        if word is None:
            raise closed(self)
        return word

    def close(self) -> None:
        """End all connections, and the link. Idempotent."""
        self._end(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- our program connects ------------------------------------------------------------------------

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                number, self._next = self._next, self._next + 2
            try:
                self._keep(number, accepted)
                self._say(number, _Kind.OPEN)
            except ConfideError as error:
                self._end(error)
                return
            self._start(number, accepted)

    def _keep(self, number: int, connection: socket.socket) -> None:
        """Closes it where it can't be kept: whoever connected is not left waiting."""
        with self._lock:
            full = len(self._connections) >= limits.MAX_TUNNEL_CONNECTIONS
            kept = not self._over.is_set() and not full
            if kept:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections[number] = connection
        if not kept:
            connection.close()
            if full:
                raise LimitExceeded(f"MAX_TUNNEL_CONNECTIONS is {limits.MAX_TUNNEL_CONNECTIONS}")
            raise closed(self)

    def _start(self, number: int, connection: socket.socket) -> None:
        work = threading.Thread(target=self._forward, args=(number, connection), daemon=True)
        work.start()
        self._threads.append(work)

    def _forward(self, number: int, connection: socket.socket) -> None:
        """From one connection of our program into the tunnel, until it says no more."""
        try:
            while data := _read(connection):
                self.sent += len(data)
                self._say(number, _Kind.DATA, data)
            self._say(number, _Kind.END)
            self._close_half(number, ours=True)
        except ConfideError as error:
            self._end(error)

    def _close_half(self, number: int, *, ours: bool) -> None:
        """One direction has ended; when the other has, too, the connection has. Said again it is none."""
        with self._lock:
            ended = self._ended.setdefault(number, set())
            ended.add(ours)
            if len(ended) == 1:
                return
            del self._ended[number]
            connection = self._connections.pop(number, None)
        if connection is not None:
            connection.close()

    def _say(self, number: int, kind: _Kind, data: bytes = b"") -> None:
        self._stream.send(_HEADER.pack(number, kind, len(data)) + data)

    # --- the other end connects ----------------------------------------------------------------------

    def _deliver(self) -> None:
        buffer = bytearray()
        try:
            while True:
                buffer += self._stream.receive()
                while (frame := _take(buffer)) is not None:
                    self._heard(*frame)
        except ConfideError as error:
            self._end(error)

    def _heard(self, number: int, kind: int, data: bytes) -> None:
        if kind == _Kind.OPEN:
            self._open(number)
            return
        if kind == _Kind.WORD:
            self._heard_word(data)
            return
        if kind == _Kind.LIFE:
            self._lives += 1
            return
        with self._lock:
            connection = self._connections.get(number)
        if connection is None or kind not in {_Kind.DATA, _Kind.END}:
            return  # what is still under way to a connection that has ended at our end
        with suppress(OSError):
            if kind == _Kind.DATA:
                self.received += len(data)
                connection.sendall(data)
            else:
                connection.shutdown(socket.SHUT_WR)
        if kind == _Kind.END:
            self._close_half(number, ours=False)

    def _heard_word(self, word: bytes) -> None:
        try:
            self._words.put_nowait(word)
        except queue.Full:
            raise LimitExceeded(f"MAX_TUNNEL_WORDS is {limits.MAX_TUNNEL_WORDS}") from None

    def _open(self, number: int) -> None:
        with self._lock:
            if number in self._connections or number % 2 == self._next % 2:
                raise RemoteProtocolError("the other end of the tunnel opens a connection that there is")
        connection = self._reach_target()
        if connection is None:
            self._say(number, _Kind.END)  # our program does not listen
            return
        connection.settimeout(None)
        self._keep(number, connection)
        self._start(number, connection)

    def _reach_target(self) -> socket.socket | None:
        """Our program may still be starting: the other one's would wait for seconds before it tried again."""
        tries = 1 if self._reached else 1 + int(limits.PROGRAM_START_SECONDS / _TRY_SECONDS)
        while not self._over.is_set():
            try:
                connection = socket.create_connection((LOOPBACK, self._target()), limits.CONNECT_SECONDS)
            except OSError:
                tries -= 1
                if not tries:
                    return None
                self._over.wait(_TRY_SECONDS)
            else:
                self._reached = True
                return connection
        return None

    def _end(self, error: ConfideError | None) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._over.set()
            self.error = error
            open_sockets = [self._listener, *self._connections.values()]
        with suppress(queue.Full):
            self._words.put_nowait(None)
        for each in open_sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._stream.close()


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(limits.TUNNEL_FRAME_BYTES)
    except OSError:
        return b""


def _take(buffer: bytearray) -> tuple[int, int, bytes] | None:
    """The first whole frame, taken out of the buffer; None if there is none yet."""
    if len(buffer) < _HEADER.size:
        return None
    number, kind, length = _HEADER.unpack_from(buffer)
    if length > limits.TUNNEL_FRAME_BYTES:
        raise RemoteProtocolError("a frame of the tunnel is longer than TUNNEL_FRAME_BYTES")
    end = _HEADER.size + length
    if len(buffer) < end:
        return None
    data = bytes(buffer[_HEADER.size : end])
    del buffer[:end]
    return number, kind, data


def closed(tunnel: Tunnel) -> ChannelClosed:
    """Why a tunnel that is over is, as an error of its user."""
    reason = "" if tunnel.error is None else f": {tunnel.error.message}"
    return ChannelClosed(f"the tunnel to the other party has ended{reason}")
