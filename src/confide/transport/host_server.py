"""Serves the host's RPCs from a `HostService`."""

from collections.abc import Callable

from confide.core import limits
from confide.core.platform_api import Caller, HostService
from confide.transport import options, serving, wire


def serve_host(
    address: str,
    service: HostService,
    *,
    identify: Callable[[bytes], Caller],
    key_pem: bytes,
    certificate_pem: bytes,
    ca_pem: bytes,
) -> serving.Server:
    """Start serving at `address` (host:port; port 0 for any).

    `identify` tells from the client certificate (DER), which TLS has checked against the CA, who it is; it
    may raise any ConfideError.

    Raises:
        ConfigurationError: the address can't be bound.
    """
    handlers = (
        (wire.HANDSHAKE, serving.unary(wire.HANDSHAKE, lambda c, q: service.handshake(identify(c), q))),
        (wire.CREATE_TASK, serving.unary(wire.CREATE_TASK, lambda c, q: service.create_task(identify(c), q))),
        (wire.GET_TASK, serving.unary(wire.GET_TASK, lambda c, q: service.get_task(identify(c), q))),
        (wire.LIST_TASKS, serving.unary(wire.LIST_TASKS, lambda c, _: service.list_tasks(identify(c)))),
        (wire.CANCEL_TASK, serving.unary(wire.CANCEL_TASK, lambda c, q: service.cancel_task(identify(c), q))),
        (wire.END_RECORD, serving.unary(wire.END_RECORD, lambda c, q: service.end_record(identify(c), q))),
        (
            wire.EXCHANGE_HEADS,
            serving.unary(wire.EXCHANGE_HEADS, lambda c, q: service.exchange_heads(identify(c), q)),
        ),
    )
    return serving.Server(
        address,
        handlers,
        credentials=serving.mutual_tls(key_pem, certificate_pem, ca_pem),
        options=options.HOST,
        workers=limits.HOST_WORKERS,
        most_calls=limits.MAX_HOST_CALLS,
    )
