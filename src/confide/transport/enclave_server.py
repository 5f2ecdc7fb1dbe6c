"""Serves one enclave's RPCs: Attest, and a Channel per party."""

import time
from collections.abc import Callable

from confide.core import limits
from confide.core.errors import RemoteProtocolError
from confide.core.platform_api import AttestReply
from confide.core.ports import Link
from confide.transport import options, serving, wire
from confide.transport.incoming import IncomingChannels, StreamServer, channel_bounds
from confide.transport.rates import CallRate


def serve_enclave(
    address: str,
    *,
    key_pem: bytes,
    certificate_pem: bytes,
    ca_pem: bytes,
    attest: Callable[[bytes], AttestReply],
    on_channel: Callable[[bytes, Link], None],
    monotonic: Callable[[], float] = time.monotonic,
) -> StreamServer:
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
    channels = IncomingChannels(on_channel, opens, channel_bounds())

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
    return StreamServer(server, channels)


def _checked(nonce: bytes) -> bytes:
    if len(nonce) != limits.NONCE_BYTES:
        raise RemoteProtocolError(f"a nonce has {limits.NONCE_BYTES} bytes")
    return nonce
