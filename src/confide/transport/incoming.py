"""The enclave's end of the parties' streams.

gRPC gives a stream one thread, which it uses to send. A second reads, a third runs the handler, so that
sending, receiving and working wait for each other only where a mailbox is full or empty.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator

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


class IncomingChannels:
    """Runs `handler` for each stream, at most limits.MAX_CHANNELS at a time."""

    def __init__(self, handler: Handler, opens: CallRate) -> None:
        self._handler = handler
        self._opens = opens
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
            if self._held[certificate] >= (most := limits.MAX_CHANNELS_OF_PARTY):
                raise TooManyCalls(f"{most} channels of this party are open (MAX_CHANNELS_OF_PARTY)")
            if self._held.total() >= limits.MAX_CHANNELS:
                raise LimitExceeded(f"MAX_CHANNELS is {limits.MAX_CHANNELS}")
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
        inbox, outbox = Mailbox(limits.MAX_INBOX_MESSAGES), Mailbox(limits.MAX_OUTBOX_MESSAGES)
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
                error if type(error) in errors.STATUS_OF else ChannelClosed("the enclave ended the channel")
            )
        except Exception:  # noqa: BLE001 - a thread's entry point: logged, never told outside
            _log.exception("a channel's handler failed")
            self.error = ChannelClosed("the enclave ended the channel")
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
