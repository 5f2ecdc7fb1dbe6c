"""Quotes inside Gramine-SGX, through its /dev/attestation pseudo-files.

The manifest needs `sgx.remote_attestation = "dcap"`. Source: Gramine documentation, "Attestation and Secret
Provisioning", low-level interface. Tested against a fake of these files; not yet run on hardware.
"""

import threading
from pathlib import Path
from typing import Final

from confide.core import limits
from confide.core.errors import EvidenceUnavailable

DEVICE: Final = Path("/dev/attestation")
_lock = threading.Lock()
"""Report data is one per process: nothing may come between the write and the read."""


class GramineQuoter:
    """core.ports.Quoter."""

    def __init__(self, device: Path = DEVICE) -> None:
        self._device = device

    def quote(self, report_data: bytes) -> bytes:
        """Raises EvidenceUnavailable."""
        try:
            with _lock:
                with (self._device / "user_report_data").open("wb", buffering=0) as file:
                    file.write(report_data)
                with (self._device / "quote").open("rb") as file:
                    quote = file.read(limits.MAX_QUOTE_BYTES + 1)
        except OSError as cause:
            raise EvidenceUnavailable(f"Gramine gave no quote: {cause}") from None
        if not 0 < len(quote) <= limits.MAX_QUOTE_BYTES:
            raise EvidenceUnavailable(f"Gramine gave a quote of {len(quote)} bytes")
        return quote
