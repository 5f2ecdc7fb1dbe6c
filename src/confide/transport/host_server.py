"""Serves the host's RPCs from a `HostService`."""

import time
from collections.abc import Callable

from confide.core import limits
from confide.core.errors import RemoteProtocolError
from confide.core.platform_api import Caller, HostService
from confide.core.ports import Link
from confide.transport import options, serving, wire
from confide.transport.incoming import IncomingChannels, StreamServer, leg_bounds
from confide.transport.rates import CallRate


def serve_host(
    address: str,
    service: HostService,
    *,
    identify: Callable[[bytes], Caller],
    monotonic: Callable[[], float] = time.monotonic,
    key_pem: bytes,
    certificate_pem: bytes,
    ca_pem: bytes,
) -> StreamServer:
    """Start serving at `address` (host:port; port 0 for any).

    `identify` tells from the client certificate (DER), which TLS has checked against the CA, who it is; it
    may raise any ConfideError. How often one certificate may call is in limits (HOST_CALL_…), by `monotonic`.

    Raises:
        ConfigurationError: the address can't be bound.
    """
    calls = CallRate("calls to the host", limits.HOST_CALL_BURST, limits.HOST_CALL_SECONDS, monotonic)

    def known(certificate: bytes) -> Caller:
        calls.check(certificate)
        return identify(certificate)

    def relay(certificate: bytes, leg: Link) -> None:
        try:
            first = leg.receive(limits.CONNECT_SECONDS)
        except TimeoutError:
            raise RemoteProtocolError("a leg of the relay does not say whom it wants to reach") from None
        service.relay(known(certificate), wire.decode_relay_request(bytes(first)), leg)

    opens = CallRate("legs of the relay", limits.RELAY_BURST, limits.RELAY_SECONDS, monotonic)
    legs = IncomingChannels(relay, opens, leg_bounds())
    handlers = (
        (wire.HANDSHAKE, serving.unary(wire.HANDSHAKE, lambda c, q: service.handshake(known(c), q))),
        (wire.CREATE_TASK, serving.unary(wire.CREATE_TASK, lambda c, q: service.create_task(known(c), q))),
        (wire.GET_TASK, serving.unary(wire.GET_TASK, lambda c, q: service.get_task(known(c), q))),
        (wire.LIST_TASKS, serving.unary(wire.LIST_TASKS, lambda c, _: service.list_tasks(known(c)))),
        (wire.CANCEL_TASK, serving.unary(wire.CANCEL_TASK, lambda c, q: service.cancel_task(known(c), q))),
        (wire.END_RECORD, serving.unary(wire.END_RECORD, lambda c, q: service.end_record(known(c), q))),
        (
            wire.EXCHANGE_HEADS,
            serving.unary(wire.EXCHANGE_HEADS, lambda c, q: service.exchange_heads(known(c), q)),
        ),
        (wire.RELAY, serving.streaming(legs.serve)),
    )
    server = serving.Server(
        address,
        handlers,
        credentials=serving.mutual_tls(key_pem, certificate_pem, ca_pem),
        options=options.HOST,
        workers=limits.HOST_WORKERS + limits.MAX_RELAY_LEGS,
        most_calls=limits.MAX_HOST_CALLS + limits.MAX_RELAY_LEGS,
    )
    return StreamServer(server, legs)
