"""gRPC channel arguments, all from limits.py. Names are gRPC core's (grpc/impl/channel_arg_names.h)."""

from typing import Final

from confide.core import limits

Options = tuple[tuple[str, int | str], ...]

ENCLAVE_NAME: Final = "confide-enclave"
"""The DNS name in every enclave's certificate: it is found by address and known by its key, not by a name."""

_MILLISECONDS: Final = 1000
_KEEPALIVE: Final[Options] = (
    ("grpc.keepalive_time_ms", limits.KEEPALIVE_SECONDS * _MILLISECONDS),
    ("grpc.keepalive_timeout_ms", limits.KEEPALIVE_TIMEOUT_SECONDS * _MILLISECONDS),
    ("grpc.http2.max_pings_without_data", 0),
)
_PATIENCE: Final[Options] = (
    ("grpc.http2.min_ping_interval_without_data_ms", limits.KEEPALIVE_SECONDS * _MILLISECONDS // 2),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", limits.KEEPALIVE_SECONDS * _MILLISECONDS // 2),
)


def _sizes(most: int) -> Options:
    return (("grpc.max_send_message_length", most), ("grpc.max_receive_message_length", most))


_LONG_MESSAGES: Final[Options] = (("grpc.http2.max_frame_size", limits.ENVELOPE_PIECE_BYTES),)
"""A piece in one HTTP/2 frame, not in 64: fewer headers and buffers."""


_SERVER: Final[Options] = (
    ("grpc.server_handshake_timeout_ms", limits.HANDSHAKE_SECONDS * _MILLISECONDS),
    ("grpc.max_allowed_incoming_connections", limits.MAX_CONNECTIONS),
    ("grpc.max_concurrent_streams", limits.MAX_STREAMS_PER_CONNECTION),
    ("grpc.max_metadata_size", limits.MAX_METADATA_BYTES),
)
_NO_REUSE: Final[Options] = (("grpc.so_reuseport", 0),)
_OWN_CONNECTION: Final[Options] = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))

HOST: Final[Options] = (*_sizes(limits.MAX_CONTROL_BYTES), *_KEEPALIVE, *_PATIENCE, *_SERVER, *_NO_REUSE)
HOST_CLIENT: Final[Options] = (
    *_sizes(limits.MAX_CONTROL_BYTES),
    *_OWN_CONNECTION,
    # A client outlives its host: how long it waits before it looks whether that is back.
    ("grpc.max_reconnect_backoff_ms", limits.REJOIN_PAUSE_SECONDS * _MILLISECONDS),
)
ENCLAVE: Final[Options] = (
    *_sizes(limits.ENVELOPE_PIECE_BYTES + limits.ENVELOPE_OVERHEAD_BYTES),
    *_LONG_MESSAGES,
    *_KEEPALIVE,
    *_PATIENCE,
    *_SERVER,
    *_NO_REUSE,
)
PINNED: Final[Options] = (
    *_sizes(limits.ENVELOPE_PIECE_BYTES + limits.ENVELOPE_OVERHEAD_BYTES),
    *_LONG_MESSAGES,
    *_KEEPALIVE,
    *_OWN_CONNECTION,
    ("grpc.ssl_target_name_override", ENCLAVE_NAME),
)
