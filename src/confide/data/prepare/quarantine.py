"""Rows put aside: counted all, some shown to their owner by number, reason and column, never by value."""

import heapq
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from confide.core import limits
from confide.data.dataset import QuarantinedRow
from confide.data.manifest import Reason


class Quarantine:
    """Counts by reason; keeps the first MAX_QUARANTINE_EXAMPLES rows of the source as examples."""

    def __init__(self) -> None:
        self._counts: Counter[Reason] = Counter()
        self._examples: list[tuple[int, Reason, str | None]] = []

    def add(self, numbers: npt.NDArray[np.int64], reason: Reason, column: str | None = None) -> None:
        """Put rows aside; each row may be added once."""
        self._counts[reason] += int(numbers.size)
        first = np.sort(numbers)[: limits.MAX_QUARANTINE_EXAMPLES].tolist()
        merged = [*self._examples, *((number, reason, column) for number in first)]
        self._examples = heapq.nsmallest(limits.MAX_QUARANTINE_EXAMPLES, merged, key=lambda row: row[0])

    @property
    def rows(self) -> int:
        """How many rows in all."""
        return sum(self._counts.values())

    @property
    def counts(self) -> dict[Reason, int]:
        """By reason, those that occurred."""
        return {reason: count for reason, count in self._counts.items() if count}

    def write(self, path: Path) -> None:
        """Write the examples as JSON lines, in the order of the source."""
        rows = (QuarantinedRow(*example) for example in self._examples)
        path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
