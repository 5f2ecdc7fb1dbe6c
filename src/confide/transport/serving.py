"""A gRPC server with mutual TLS, a bounded pool of threads, and an end that leaves no thread behind."""

import logging
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

import grpc

from confide.core import limits
from confide.core.errors import AccessDenied, ConfideError, ConfigurationError
from confide.transport import errors
from confide.transport.options import Options
from confide.transport.wire import Method

_log = logging.getLogger(__name__)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


def peer_certificate(context: grpc.ServicerContext) -> bytes:
    """DER of the client certificate that TLS has verified. Raises AccessDenied if there is none."""
    # The type stubs have the values as bytes; they are sequences of bytes, as grpc documents.
    properties = cast("Mapping[str, Sequence[bytes]]", context.auth_context())
    presented = properties.get("x509_pem_cert", ())
    if len(presented) != 1 or len(presented[0]) > limits.MAX_CERTIFICATE_BYTES:
        raise AccessDenied("no client certificate")
    try:
        return ssl.PEM_cert_to_DER_cert(presented[0].decode("ascii"))
    except ValueError:
        raise AccessDenied("no client certificate") from None


def unary(method: Method[Any, Any], answer: Callable[[bytes, Any], Any]) -> Handler:
    """An RPC that takes (the caller's certificate in DER, request) to a reply, or raises a ConfideError."""

    def serve(request: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            reply = answer(peer_certificate(context), method.decode_request(request))
            return method.encode_reply(reply)
        except ConfideError as error:
            _log.info("%s refused: %s %s", method.name, error.code, errors.plain(error.message))
            errors.abort(context, error)
        except Exception:  # noqa: BLE001 - a call's entry point: logged, never told outside
            _log.exception("%s failed", method.name)
            errors.abort_internal(context)

    return grpc.unary_unary_rpc_method_handler(serve)


def streaming(serve: Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]) -> Handler:
    """A bidirectional stream of bytes; `serve` does its own translation of errors."""
    return grpc.stream_stream_rpc_method_handler(serve)


class _Paths(grpc.GenericRpcHandler):
    """Finds a handler by the RPC's path; bytes pass undecoded."""

    def __init__(self, handlers: Iterable[tuple[Method[Any, Any], Handler]]) -> None:
        self._handlers = {method.path: handler for method, handler in handlers}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        return self._handlers.get(handler_call_details.method)


class Server:
    """Serves from construction until `stop`: without it the process does not end. A context manager."""

    def __init__(
        self,
        address: str,
        handlers: Iterable[tuple[Method[Any, Any], Handler]],
        *,
        credentials: grpc.ServerCredentials,
        options: Options,
        workers: int,
        most_calls: int,
    ) -> None:
        """`address` is host:port, port 0 for any. Raises ConfigurationError if it can't be bound."""
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="grpc")
        self._server = grpc.server(self._pool, options=options, maximum_concurrent_rpcs=most_calls)
        self._server.add_generic_rpc_handlers((_Paths(handlers),))
        try:
            port = self._server.add_secure_port(address, credentials)
        except RuntimeError:
            self.stop()
            raise ConfigurationError(
                f"can't listen at {address}, or the key and certificates do not fit"
            ) from None
        self.address = f"{address.rpartition(':')[0]}:{port}"
        self._server.start()

    def stop(self, grace: float = 0) -> None:
        """Refuse new calls, give running ones `grace` seconds, then end them. Idempotent."""
        self._server.stop(grace).wait()
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def mutual_tls(key_pem: bytes, certificate_pem: bytes, ca_pem: bytes) -> grpc.ServerCredentials:
    """Our certificate, and only clients whose certificate the CA has issued."""
    return grpc.ssl_server_credentials(
        [(key_pem, certificate_pem)], root_certificates=ca_pem, require_client_auth=True
    )
