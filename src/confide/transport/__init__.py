"""Adapters that carry bytes: gRPC over mutual TLS, and memory. Protobuf stays behind wire.py.

TLS 1.3 only. grpcio has no option for a minimum version, so the cipher list for TLS 1.2 is set to one that
no certificate can serve (pre-shared keys, of which there are none); TLS 1.3 has its own list (RFC 8446, B.4)
and is untouched. A TLS library that does not know the name any more refuses to start: it fails closed. gRPC
reads the variables once, as it is imported, so they are set here, before any module of this package can
import it. Where somebody else has imported it before, TLS 1.2 would be spoken: then this package can't be
imported.
"""

import os
import sys

_VARIABLE = "GRPC_SSL_CIPHER_SUITES"
_NONE_FOR_TLS_1_2 = "ECDHE-PSK-AES256-CBC-SHA"

if "grpc" in sys.modules and os.environ.get(_VARIABLE) != _NONE_FOR_TLS_1_2:
    raise ImportError("grpc was imported before confide.transport, and would speak TLS 1.2: import it later")
os.environ[_VARIABLE] = _NONE_FOR_TLS_1_2
os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its handshake notes would end up between a user's lines
