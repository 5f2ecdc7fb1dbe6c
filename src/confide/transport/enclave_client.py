"""A party's end of the attested channel."""

import threading
from types import TracebackType
from typing import Any, Self

import grpc

from confide.core import limits
from confide.core.errors import ChannelClosed, ConfideError
from confide.core.platform_api import AttestReply
from confide.core.ports import Envelope, Link
from confide.transport import errors, pinned, wire
from confide.transport.calling import call
from confide.transport.links import MailboxLink
from confide.transport.mailbox import Mailbox
from confide.transport.pieces import Assembly, pieces_of


class PinnedEnclave:
    """One enclave, known by the certificate that was fetched from it. A context manager."""

    def __init__(
        self, address: str, enclave_certificate_pem: bytes, *, key_pem: bytes, certificate_pem: bytes
    ) -> None:
        """Connects at the first call. `key_pem` and `certificate_pem` are the party's own identity."""
        self.address = address
        self.certificate_pem = enclave_certificate_pem
        """What is pinned: the evidence must bind its key."""
        self._channel = pinned.pinned_channel(
            address, pinned_pem=enclave_certificate_pem, key_pem=key_pem, certificate_pem=certificate_pem
        )
        self._links: list[MailboxLink] = []

    def attest(self, nonce: bytes, timeout: float = limits.CALL_SECONDS) -> AttestReply:
        """Evidence and config, unverified. Raises Unreachable, EvidenceUnavailable, RemoteProtocolError."""
        return call(self._channel, self.address, wire.ATTEST, nonce, timeout)

    def open_channel(self) -> Link:
        """A stream of sealed messages. Failure to connect shows at the first receive, as the link's error."""
        inbox, outbox = Mailbox(limits.MAX_INBOX_MESSAGES), Mailbox(limits.MAX_OUTBOX_MESSAGES)
        invoke: grpc.StreamStreamMultiCallable[Any, Any] = self._channel.stream_stream(wire.CHANNEL.path)
        try:
            stream = invoke(
                wire.encode_envelope(piece) for envelope in outbox for piece in pieces_of(envelope)
            )
        except ValueError:  # grpc's word for a channel that has been closed
            raise errors.closed(self.address) from None
        reader = _Reader(stream, self.address, inbox, outbox)
        link = MailboxLink(inbox, outbox, on_close=reader.finish)
        self._links.append(link)
        return link

    def close(self) -> None:
        """Close the links, then the connection. Idempotent."""
        for link in self._links:
            link.close()
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
        return ChannelClosed("the enclave closed the channel")

    def _keep(self, envelope: Envelope) -> None:
        try:
            self._inbox.put(envelope)
        except ConfideError:
            return  # we have closed: what still arrives is read only so that the other end can finish
