"""Rounding at random, up or down, to steps so wide that one row seldom makes a difference.

A figure that a row can move by at most d is rounded to a multiple of m * d. The chance that it comes out
otherwise without that row is then at most 1/m: a row hides among m, the task's `minimum_rows`. The draws
follow from a key that only the enclave knows, so an enclave that takes another's place tells the same.
"""

import hashlib
import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from confide.core import canonical

Told = dict[str, float]
"""`value`, and the `step` to a multiple of which it was rounded."""

_CONTEXT: Final = b"confide/statistics/1"
_RESOLUTION: Final = 1e-15
_FIRST_DIGITS: Final = (1, 2, 5, 10)


def key_of(salts: Sequence[bytes], task: str) -> bytes:
    """From the salts of all participants' commitments, in order, and the Task's digest."""
    return hashlib.sha384(b"\0".join((_CONTEXT, *salts, task.encode()))).digest()


def coarse(width: float) -> Decimal:
    """The least of 1, 2 and 5 times a power of ten that is not below `width` (positive)."""
    power = math.floor(math.log10(width))
    steps = (Decimal(digit).scaleb(power) for digit in _FIRST_DIGITS)
    return next(step for step in steps if float(step) >= width)


def negligible(width: float, value: float) -> bool:
    """Whether a float64 can hardly tell `value` from one that is so far off."""
    return width <= _RESOLUTION * abs(value)


@dataclass(frozen=True, slots=True)
class Blur:
    """For the figures of one column."""

    key: bytes = field(repr=False)
    rows: int
    """`minimum_rows`."""
    party: str
    column: str

    def uniform(self, figure: str) -> float:
        """In [0, 1): 53 bits of an HMAC-SHA-384 over the figure's name."""
        label = canonical.encode([self.party, self.column, figure])
        return (int.from_bytes(hmac.digest(self.key, label, "sha384")[:8], "big") >> 11) * 2.0**-53

    def threshold(self, figure: str, times: int = 1) -> float:
        """From `times` to `times` + 1 times `rows`: a group counts that has at least so many rows.

        It is drawn, too: else a group of just so many would tell by what is told that one row is in it.
        """
        return self.rows * (times + self.uniform(f"rows for {figure}"))

    def share(self, figure: str, count: int, total: int) -> Told:
        """A count as a share; in steps of `rows` rows."""
        blurred = self.rows * math.floor(count / self.rows + self.uniform(figure))
        return {"value": min(blurred, total) / total, "step": self.rows / total}

    def number(self, figure: str, value: float, width: float) -> Told:
        """A number that `rows` rows can move by at most `width`; told as it is where they can't move it."""
        if negligible(width, value):
            return {"value": value, "step": 0.0}
        step = coarse(width)
        return {
            "value": float(math.floor(value / float(step) + self.uniform(figure)) * step),
            "step": float(step),
        }
