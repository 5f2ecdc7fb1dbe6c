"""One unary call: encode, call, decode, and every failure as one of ours."""

from typing import Any, TypeVar

import grpc

from confide.transport import errors
from confide.transport.wire import Method

Q = TypeVar("Q")
R = TypeVar("R")


def call(channel: grpc.Channel, address: str, method: Method[Q, R], request: Q, timeout: float) -> R:
    """Raises Unreachable, RemoteProtocolError, or the error that the other end told."""
    invoke: grpc.UnaryUnaryMultiCallable[Any, Any] = channel.unary_unary(method.path)
    try:
        reply = invoke(method.encode_request(request), timeout=timeout)
    except grpc.RpcError as error:
        raise errors.received(error, address) from None
    except ValueError:  # grpc's word for a channel that has been closed
        raise errors.closed(address) from None
    return method.decode_reply(reply)
