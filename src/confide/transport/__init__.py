"""Adapters that carry bytes: gRPC over mutual TLS, and memory. Protobuf stays behind wire.py.

TLS 1.3 only. grpcio has no option for a minimum version, so the cipher list for TLS 1.2 is set to one that
no certificate can serve (pre-shared keys, of which there are none); TLS 1.3 has its own list (RFC 8446, B.4)
and is untouched. A TLS library that does not know the name any more refuses to start: it fails closed. gRPC
reads the variables at its first use, so they are set here, before any module of this package can use it.
"""

import os

os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-PSK-AES256-CBC-SHA"
os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its handshake notes would end up between a user's lines
