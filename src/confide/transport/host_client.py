"""A party's calls to the host."""

from contextlib import suppress
from types import TracebackType
from typing import Self

import grpc

from confide.core import limits
from confide.core.errors import ConfideError
from confide.core.platform_api import EndRecord, Hello, RelayRequest, SignedHead, TaskRequest, TaskStatus
from confide.core.ports import Link
from confide.transport import options, wire
from confide.transport.calling import Q, R, call
from confide.transport.links import MailboxLink
from confide.transport.streams import open_stream


class HostClient:
    """Mutual TLS to one host; the CA decides who a host is, its name in the certificate must fit `address`.

    Every method raises Unreachable, AccessDenied, NotFound, PlatformFailed, ConfigurationError, LimitExceeded
    or RemoteProtocolError. Nothing is retried here; `create_task` with a token may be repeated by the caller.
    """

    def __init__(self, address: str, *, key_pem: bytes, certificate_pem: bytes, ca_pem: bytes) -> None:
        credentials = grpc.ssl_channel_credentials(ca_pem, key_pem, certificate_pem)
        self.address = address
        self._channel = grpc.secure_channel(address, credentials, options.HOST_CLIENT)
        self._legs: list[MailboxLink] = []

    def handshake(self, hello: Hello) -> Hello:
        """Refused with RemoteProtocolError if the host's API version is another."""
        return self._call(wire.HANDSHAKE, hello)

    def create_task(self, request: TaskRequest) -> TaskStatus:
        return self._call(wire.CREATE_TASK, request)

    def get_task(self, task: str) -> TaskStatus:
        return self._call(wire.GET_TASK, task)

    def list_tasks(self) -> tuple[TaskStatus, ...]:
        """Tasks in which we take part: all that have not ended, then the newest ended ones; newest first."""
        return self._call(wire.LIST_TASKS, None)

    def cancel_task(self, task: str) -> TaskStatus:
        return self._call(wire.CANCEL_TASK, task)

    def end_record(self, task: str) -> EndRecord:
        """NotFound until the task has ended. Check it with `end_records.verify` before relying on it."""
        return self._call(wire.END_RECORD, task)

    def exchange_heads(self, head: SignedHead) -> tuple[SignedHead, ...]:
        """Give our head; get the host's own, then the other participants'. Unverified."""
        return self._call(wire.EXCHANGE_HEADS, head)

    def relay(self, task: str, peer: str) -> Link:
        """A leg of the host's relay. The first frame that comes is empty: then `peer` has come to its own.

        Failure to connect, and a refusal, show at the first receive, as the link's error.
        """
        leg = open_stream(self._channel, self.address, wire.RELAY)
        self._legs.append(leg)
        with suppress(ConfideError):  # refused already: the first receive tells why
            leg.send(wire.encode_relay_request(RelayRequest(task=task, peer=peer)))
        return leg

    def close(self) -> None:
        """Idempotent."""
        for leg in self._legs:
            leg.close()
        self._channel.close()

    def _call(self, method: wire.Method[Q, R], request: Q) -> R:
        return call(self._channel, self.address, method, request, limits.CALL_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
