"""Serves one enclave's RPCs: Attest, and a Channel per party."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from confide.core import limits
from confide.core.errors import RemoteProtocolError
from confide.core.platform_api import AttestReply
from confide.core.ports import Link
from confide.transport import options, serving, wire
from confide.transport.incoming import IncomingChannels
from confide.transport.rates import CallRate


class EnclaveServer:
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


def serve_enclave(
    address: str,
    *,
    key_pem: bytes,
    certificate_pem: bytes,
    ca_pem: bytes,
    attest: Callable[[bytes], AttestReply],
    on_channel: Callable[[bytes, Link], None],
    monotonic: Callable[[], float] = time.monotonic,
) -> EnclaveServer:
    """Start serving at `address` (host:port; port 0 for any) under the enclave's own key.

    `attest` makes evidence from a nonce of limits.NONCE_BYTES; it is called from several threads.
    `on_channel` is given a party's certificate (DER; issued by the CA and proven in TLS, nothing else is
    checked) and its link, in a thread of its own. The stream ends when it returns or raises; of what it
    raises, only errors in `transport.errors.STATUS_OF` are told to the party. How often one certificate may
    call either is in limits (ATTEST_…, CHANNEL_…), by `monotonic`.

    Raises:
        ConfigurationError: the address can't be bound.
    """
    opens = CallRate("opening a channel", limits.CHANNEL_BURST, limits.CHANNEL_SECONDS, monotonic)
    attests = CallRate("Attest", limits.ATTEST_BURST, limits.ATTEST_SECONDS, monotonic)
    channels = IncomingChannels(on_channel, opens)

    def answer(certificate: bytes, nonce: bytes) -> AttestReply:
        attests.check(certificate)
        return attest(_checked(nonce))

    handlers = (
        (wire.ATTEST, serving.unary(wire.ATTEST, answer)),
        (wire.CHANNEL, serving.streaming(channels.serve)),
    )
    server = serving.Server(
        address,
        handlers,
        credentials=serving.mutual_tls(key_pem, certificate_pem, ca_pem),
        options=options.ENCLAVE,
        workers=limits.MAX_CHANNELS + limits.ENCLAVE_CALL_WORKERS,
        most_calls=limits.MAX_CHANNELS + limits.ENCLAVE_CALL_WORKERS,
    )
    return EnclaveServer(server, channels)


def _checked(nonce: bytes) -> bytes:
    if len(nonce) != limits.NONCE_BYTES:
        raise RemoteProtocolError(f"a nonce has {limits.NONCE_BYTES} bytes")
    return nonce
