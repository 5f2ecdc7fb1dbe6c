"""A server's end of the parties' streams: of an enclave's channels, and of the legs of a host's relay.

gRPC gives a stream one thread, which it uses to send. A second reads, a third runs the handler, so that
sending, receiving and working wait for each other only where a mailbox is full or empty.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc

from confide.core import limits
from confide.core.errors import ChannelClosed, ConfideError, LimitExceeded, TooManyCalls
from confide.core.ports import Link
from confide.transport import errors, serving, wire
from confide.transport.links import MailboxLink
from confide.transport.mailbox import Mailbox
from confide.transport.pieces import Assembly, pieces_of
from confide.transport.rates import CallRate

_log = logging.getLogger(__name__)

Handler = Callable[[bytes, Link], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many streams may be open, in all and by one certificate; names of limits, for who is refused."""

    most: int
    most_of_party: int
    name: str
    room: int = limits.MAX_OUTBOX_MESSAGES
    """Envelopes on their way out that are held while the party is slow."""


def channel_bounds() -> Bounds:
    """Of the channels at an enclave."""
    return Bounds(most=limits.MAX_CHANNELS, most_of_party=limits.MAX_CHANNELS_OF_PARTY, name="MAX_CHANNELS")


def leg_bounds() -> Bounds:
    """Of the legs of a host's relay."""
    return Bounds(
        most=limits.MAX_RELAY_LEGS,
        most_of_party=limits.MAX_RELAY_LEGS_OF_PARTY,
        name="MAX_RELAY_LEGS",
        room=limits.RELAY_ROOM,
    )


class IncomingChannels:
    """Runs `handler` for each stream, at most so many at a time as the bounds say."""

    def __init__(self, handler: Handler, opens: CallRate, bounds: Bounds) -> None:
        self._handler = handler
        self._opens = opens
        self._bounds = bounds
        self._held: Counter[bytes] = Counter()
        """Open streams of each certificate."""
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def serve(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """The Channel RPC, as gRPC wants it: a generator of what goes out."""
        try:
            certificate = serving.peer_certificate(context)
            self._opens.check(certificate)
            self._hold(certificate)
        except ConfideError as refused:
            errors.abort(context, refused)
        try:
            yield from self._converse(certificate, requests, context)
        finally:
            self._let_go(certificate)

    def _hold(self, certificate: bytes) -> None:
        with self._lock:
            bounds = self._bounds
            if self._held[certificate] >= (most := bounds.most_of_party):
                raise TooManyCalls(f"{most} channels of this party are open ({bounds.name}_OF_PARTY)")
            if self._held.total() >= bounds.most:
                raise LimitExceeded(f"{bounds.name} is {bounds.most}")
            self._held[certificate] += 1

    def _let_go(self, certificate: bytes) -> None:
        with self._lock:
            self._held[certificate] -= 1
            self._held += Counter()  # drops those that hold none

    def join(self) -> None:
        """Wait for all threads. Only once the server has ended all calls."""
        with self._lock:
            threads = tuple(self._threads)
        for thread in threads:
            thread.join()

    def _converse(
        self, certificate: bytes, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        inbox, outbox = Mailbox(limits.MAX_INBOX_MESSAGES), Mailbox(self._bounds.room)
        link = MailboxLink(inbox, outbox)
        conversation = _Conversation(self._handler, certificate, link)
        if not context.add_callback(lambda: link.drop(ChannelClosed("the party has gone"))):
            return  # gone before it began
        self._start(lambda: _pump(requests, inbox), "channel-reader")
        worker = self._start(conversation.run, "channel-handler")
        for envelope in outbox:
            yield from map(wire.encode_envelope, pieces_of(envelope))
        worker.join()
        if conversation.error is not None:
            errors.abort(context, conversation.error)

    def _start(self, work: Callable[[], None], name: str) -> threading.Thread:
        def run() -> None:
            try:
                work()
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=name, daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()
        return thread


class _Conversation:
    """One run of the handler, and what it ended with."""

    def __init__(self, handler: Handler, certificate: bytes, link: MailboxLink) -> None:
        self._handler = handler
        self._certificate = certificate
        self._link = link
        self.error: ConfideError | None = None

    def run(self) -> None:
        try:
            self._handler(self._certificate, self._link)
        except ConfideError as error:
            self.error = (
                error if type(error) in errors.STATUS_OF else ChannelClosed("the other end ended the channel")
            )
        except Exception:  # noqa: BLE001 - a thread's entry point: logged, never told outside
            _log.exception("a channel's handler failed")
            self.error = ChannelClosed("the other end ended the channel")
        finally:
            self._link.close()


def _pump(requests: Iterator[bytes], inbox: Mailbox) -> None:
    """Move what arrives into the inbox; when it is full, gRPC's flow control holds the party back."""
    try:
        assembly = Assembly()
        for request in requests:
            envelope = assembly.add(wire.decode_envelope(request))
            if envelope is not None:
                inbox.put(envelope)
    except ConfideError as reason:  # malformed, or the handler has closed the inbox
        inbox.close(reason)
    except grpc.RpcError:
        inbox.close(ChannelClosed("the party has gone"))
    inbox.close(ChannelClosed("the party has closed the channel"))


class StreamServer:
    """Serves from construction until `stop`: without it the process does not end. A context manager."""

    def __init__(self, server: serving.Server, channels: IncomingChannels) -> None:
        self._server = server
        self._channels = channels
        self.address = server.address
        """host:port, with the port that was bound."""

    def stop(self, grace: float = 0) -> None:
        """Refuse new calls, give open channels `grace` seconds to end, then end them. Idempotent.

        Returns when all handlers have returned: they see ChannelClosed.
        """
        self._server.stop(grace)
        self._channels.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
