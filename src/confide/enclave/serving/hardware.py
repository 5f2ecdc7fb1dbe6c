"""The TEE behind one enclave, asked again where it does not answer, and given up in the end.

An enclave that gets no quotes can let nobody in and draft no receipt, and its parties can't tell why. It ends
without a word, as if it had died: another one, on hardware that answers, takes its place.
"""

import threading

from confide.core import limits
from confide.core.errors import EvidenceUnavailable
from confide.core.ports import Clock, Quoter


class Hardware:
    """`core.ports.Quoter` over another one. Called from several threads."""

    def __init__(self, quoter: Quoter, clock: Clock, lost: threading.Event) -> None:
        """`lost` is set when it has given no quote for limits.HARDWARE_SECONDS."""
        self._quoter, self._clock, self._lost = quoter, clock, lost

    def quote(self, report_data: bytes) -> bytes:
        """Raises EvidenceUnavailable, with `lost` set."""
        deadline = self._clock.monotonic() + limits.HARDWARE_SECONDS
        while True:
            try:
                return self._quoter.quote(report_data)
            except EvidenceUnavailable:
                if self._clock.monotonic() >= deadline or self._lost.wait(limits.POLL_SECONDS):
                    self._lost.set()
                    raise
