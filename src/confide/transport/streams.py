"""A caller's end of a bidirectional stream of envelopes."""

import threading
from typing import Any

import grpc

from confide.core import limits
from confide.core.envelope import Envelope
from confide.core.errors import ChannelClosed, ConfideError
from confide.transport import errors, wire
from confide.transport.links import MailboxLink
from confide.transport.mailbox import Mailbox
from confide.transport.pieces import Assembly, pieces_of
from confide.transport.wire import Method


def open_stream(channel: grpc.Channel, address: str, method: Method[Any, Any]) -> MailboxLink:
    """Call `method`. Failure to connect shows at the first receive, as the link's error.

    Raises ChannelClosed when we have closed the connection ourselves.
    """
    inbox, outbox = Mailbox(limits.MAX_INBOX_MESSAGES), Mailbox(limits.MAX_OUTBOX_MESSAGES)
    invoke: grpc.StreamStreamMultiCallable[Any, Any] = channel.stream_stream(method.path)
    try:
        stream = invoke(wire.encode_envelope(piece) for envelope in outbox for piece in pieces_of(envelope))
    except ValueError:  # grpc's word for a channel that has been closed
        raise errors.closed(address) from None
    reader = _Reader(stream, address, inbox, outbox)
    return MailboxLink(inbox, outbox, on_close=reader.finish)


class _Reader:
    """Moves what arrives into the inbox, in a thread of its own, until the stream ends."""

    def __init__(self, stream: Any, address: str, inbox: Mailbox, outbox: Mailbox) -> None:
        self._stream = stream
        self._address = address
        self._inbox = inbox
        self._outbox = outbox
        self._thread = threading.Thread(target=self._run, name="channel-reader", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Let what was sent go out, for limits.CLOSE_SECONDS, then end the stream."""
        self._thread.join(limits.CLOSE_SECONDS)
        if self._thread.is_alive():
            self._stream.cancel()
            self._thread.join()

    def _run(self) -> None:
        reason = self._read()
        self._inbox.close(reason)
        self._outbox.drop(reason)

    def _read(self) -> ConfideError:
        try:
            assembly = Assembly()
            for reply in self._stream:
                envelope = assembly.add(wire.decode_envelope(reply))
                if envelope is not None:
                    self._keep(envelope)
        except grpc.RpcError as error:
            return errors.received(error, self._address)
        except ConfideError as malformed:
            self._stream.cancel()
            return malformed
        return ChannelClosed("the other end closed the channel")

    def _keep(self, envelope: Envelope) -> None:
        try:
            self._inbox.put(envelope)
        except ConfideError:
            return  # we have closed: what still arrives is read only so that the other end can finish
