"""Quotes from a quote daemon over a Unix socket (for hosts where the TEE's device is behind a service).

    enclave → daemon  64 bytes of report data
    daemon → enclave  length of the quote (u32, big-endian; 0: refused), quote

The daemon knows its caller from the kernel (SO_PEERCRED), never from what the caller says.
"""

import socket
import struct
from pathlib import Path
from typing import Final

from confide.core import limits
from confide.core.errors import EvidenceUnavailable

_LENGTH: Final = struct.Struct(">I")


class SocketQuoter:
    """core.ports.Quoter over one socket path; one connection per quote."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def quote(self, report_data: bytes) -> bytes:
        """Raises EvidenceUnavailable."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(limits.QUOTE_SECONDS)
                connection.connect(str(self._path))
                connection.sendall(report_data)
                with connection.makefile("rb") as stream:
                    (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
                    quote = stream.read(min(length, limits.MAX_QUOTE_BYTES))
        except (OSError, struct.error) as cause:
            raise EvidenceUnavailable(f"the quote daemon at {self._path} does not answer: {cause}") from None
        if not length or len(quote) != length:
            raise EvidenceUnavailable("the quote daemon refused: this process is no enclave of its machine")
        return quote
