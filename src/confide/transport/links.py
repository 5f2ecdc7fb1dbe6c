"""`core.ports.Link` over two mailboxes. What carries the envelopes onwards is the owner's business."""

from collections.abc import Callable

from confide.core import limits
from confide.core.envelope import Envelope
from confide.core.errors import ChannelClosed, ConfideError, LimitExceeded
from confide.transport.mailbox import Mailbox


class MailboxLink:
    """Sends into `outbox`, receives from `inbox`; `on_close` runs at every close."""

    def __init__(self, inbox: Mailbox, outbox: Mailbox, on_close: Callable[[], None] = lambda: None) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._on_close = on_close

    def send(self, envelope: Envelope) -> None:
        """Waits while the other end is slow, at most limits.STALL_SECONDS without progress.

        Raises:
            LimitExceeded: `envelope` is larger than limits.MAX_MESSAGE_BYTES; the link stays usable.
            ChannelClosed: or the error that the link ended with.
        """
        if len(envelope) > limits.MAX_MESSAGE_BYTES:
            raise LimitExceeded(
                f"a message of {len(envelope)} bytes; MAX_MESSAGE_BYTES is {limits.MAX_MESSAGE_BYTES}"
            )
        try:
            self._outbox.put(envelope, limits.STALL_SECONDS)
        except TimeoutError:
            stalled = ChannelClosed(f"nothing got through for {limits.STALL_SECONDS} seconds")
            self.drop(stalled)
            raise stalled from None

    def receive(self, timeout: float | None = None) -> Envelope:
        """The next envelope.

        Raises ChannelClosed or the link's error; TimeoutError after `timeout` seconds.
        """
        return self._inbox.get(timeout)

    def close(self) -> None:
        """What was sent still goes out; what has arrived is forgotten. Idempotent."""
        self._outbox.close()
        self._inbox.drop()
        self._on_close()

    def drop(self, reason: ConfideError | None = None) -> None:
        """Forget what has not gone out. What has arrived can still be received. Idempotent."""
        self._outbox.drop(reason)
        self._inbox.close(reason)
