"""Quotes inside a confidential VM, through the kernel's configfs-tsm (Linux ≥ 6.7; TDX here).

One directory per request: write `inblob`, read `outblob`; `generation` counts the writes and shows whether
somebody else used the same entry. Source: Linux, Documentation/ABI/testing/configfs-tsm(-report). Tested
against a fake directory; not yet run on hardware.
"""

import itertools
import os
import threading
from pathlib import Path
from typing import Final

from confide.core import limits
from confide.core.errors import EvidenceUnavailable

REPORTS: Final = Path("/sys/kernel/config/tsm/report")
TDX_PROVIDER: Final = "tdx_guest"
"""The one provider whose output is a DCAP quote."""
_numbers = itertools.count()


class ConfigfsTsmQuoter:
    """core.ports.Quoter."""

    def __init__(self, reports: Path = REPORTS) -> None:
        self._reports = reports

    def quote(self, report_data: bytes) -> bytes:
        """Raises EvidenceUnavailable, also where the machine is of another kind than TDX."""
        entry = self._reports / f"confide-{os.getpid()}-{threading.get_ident()}-{next(_numbers)}"
        try:
            entry.mkdir()
            try:
                return _quote(entry, report_data)
            finally:
                entry.rmdir()
        except OSError as cause:
            raise EvidenceUnavailable(f"configfs-tsm gave no quote: {cause}") from None


def _quote(entry: Path, report_data: bytes) -> bytes:
    provider = (entry / "provider").read_text(encoding="ascii").strip()
    if provider != TDX_PROVIDER:
        raise EvidenceUnavailable(
            f"this machine's reports are of {provider!r}, not DCAP quotes of a TDX guest"
        )
    before = _generation(entry)
    with (entry / "inblob").open("wb", buffering=0) as file:
        file.write(report_data)
    with (entry / "outblob").open("rb") as file:
        quote = file.read(limits.MAX_QUOTE_BYTES + 1)
    if _generation(entry) != before + 1:
        raise EvidenceUnavailable("another writer used our report entry: its quote is not ours")
    if not 0 < len(quote) <= limits.MAX_QUOTE_BYTES:
        raise EvidenceUnavailable(f"configfs-tsm gave a quote of {len(quote)} bytes")
    return quote


def _generation(entry: Path) -> int:
    try:
        return int((entry / "generation").read_text(encoding="ascii"))
    except ValueError:
        raise EvidenceUnavailable("configfs-tsm gives no generation number") from None
