"""From a number to what a model multiplies with: the declared transforms."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from confide.core import limits
from confide.core.features import Feature, Transform

FloatArray = npt.NDArray[np.float64]

_FEW_BOUNDARIES = 32
MAX_FITTED = 1e100
"""Numbers are clipped to this before their squares are summed: no sum overflows."""


class NumericField(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="numeric", tag_field="scheme"
):
    """One index, whose value is the transformed number; a missing number has the value 0."""

    transform: Transform
    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        if self.transform is Transform.BUCKETS:
            raise ValueError("transform: 'buckets' is not a numeric field")
        if not (math.isfinite(self.mean) and math.isfinite(self.deviation) and self.deviation > 0):
            raise ValueError("mean, deviation: finite, and the deviation positive")

    @property
    def size(self) -> int:
        """How many indices."""
        return 1

    @classmethod
    def fit(cls, feature: Feature, numbers: FloatArray) -> Self:
        """`numbers` are those of the training rows; missing ones do not count."""
        if feature.transform is not Transform.STANDARD:
            return cls(transform=feature.transform)
        present = np.clip(numbers[~np.isnan(numbers)], -MAX_FITTED, MAX_FITTED)
        if not present.size:
            return cls(transform=feature.transform)
        # A constant column has no deviation: it then is 0 everywhere.
        deviation = float(present.std()) or 1.0
        return cls(transform=feature.transform, mean=float(present.mean()), deviation=deviation)

    def values(self, numbers: FloatArray) -> FloatArray:
        """Transformed, finite, within ±MAX_ENCODED_MAGNITUDE."""
        result = numbers
        if self.transform is Transform.LOG1P:
            result = np.sign(numbers) * np.log1p(np.abs(numbers))
        elif self.transform is Transform.STANDARD:
            # Clipped as in `fit`; the quotient may still be huge, and is then clipped again.
            with np.errstate(over="ignore"):
                result = (np.clip(numbers, -MAX_FITTED, MAX_FITTED) - self.mean) / self.deviation
        bound = limits.MAX_ENCODED_MAGNITUDE
        return np.clip(np.where(np.isnan(result), 0.0, result), -bound, bound)


class BucketField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="buckets", tag_field="scheme"):
    """One index per interval [boundary, next boundary), as a category; missing: index 0 with the value 0."""

    boundaries: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.boundaries or not all(map(math.isfinite, self.boundaries)):
            raise ValueError("boundaries: at least one, all finite")
        if not _ascending(self.boundaries):
            raise ValueError("boundaries: must be strictly increasing")

    @property
    def size(self) -> int:
        """How many indices."""
        return len(self.boundaries) + 1

    def lookup(self, numbers: FloatArray) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
        """(indices, which numbers are missing)."""
        missing = np.isnan(numbers)
        if len(self.boundaries) > _FEW_BOUNDARIES:
            at = np.searchsorted(np.asarray(self.boundaries), numbers, side="right").astype(np.int32)
            at[missing] = 0
            return at, missing
        # Counting those that are not above is quicker than searching, and counts none for a missing one.
        count = np.zeros(numbers.shape, np.uint8)
        for boundary in self.boundaries:
            count += numbers >= boundary
        return count.astype(np.int32), missing


def _ascending(values: Sequence[float]) -> bool:
    return all(low < high for low, high in pairwise(values))
