"""From a number to what a model multiplies with: the declared transforms."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Self

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from confide.core import limits
from confide.core.features import Feature, Missing, Transform

FloatArray = npt.NDArray[np.float64]

_FEW_BOUNDARIES = 32
MAX_FITTED = 1e100
"""Numbers are clipped to this before their squares are summed: no sum overflows."""


class NumericField(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="numeric", tag_field="scheme"
):
    """One index, whose value is the transformed number; a missing number: value 0, or index 1 to itself."""

    transform: Transform
    mean: float = 0.0
    deviation: float = 1.0
    exponent: Annotated[float, Meta(gt=0, le=limits.MAX_EXPONENT)] = 1.0
    missing: bool = False
    """Whether a missing number has an index of its own."""

    def __post_init__(self) -> None:
        if self.transform in (Transform.BUCKETS, Transform.QUANTILES):
            raise ValueError("transform: intervals are not a numeric field")
        if not (math.isfinite(self.mean) and math.isfinite(self.deviation) and self.deviation > 0):
            raise ValueError("mean, deviation: finite, and the deviation positive")

    @property
    def size(self) -> int:
        """How many indices."""
        return 1 + self.missing

    @classmethod
    def fit(cls, feature: Feature, numbers: FloatArray) -> Self:
        """`numbers` are those of the training rows; missing ones do not count."""
        field = cls(
            transform=feature.transform,
            exponent=1.0 if feature.exponent is None else feature.exponent,
            missing=feature.missing is Missing.CATEGORY,
        )
        if feature.transform is not Transform.STANDARD:
            return field
        present = np.clip(numbers[~np.isnan(numbers)], -MAX_FITTED, MAX_FITTED)
        if not present.size:
            return field
        # A constant column has no deviation: it then is 0 everywhere.
        deviation = float(present.std()) or 1.0
        return msgspec.structs.replace(field, mean=float(present.mean()), deviation=deviation)

    def values(self, numbers: FloatArray) -> FloatArray:
        """Transformed, finite, within ±MAX_ENCODED_MAGNITUDE."""
        result = numbers
        if self.transform is Transform.LOG1P:
            result = np.sign(numbers) * np.log1p(np.abs(numbers))
        elif self.transform is Transform.POWER:
            with np.errstate(over="ignore"):
                result = np.sign(numbers) * np.abs(numbers) ** self.exponent
        elif self.transform is Transform.STANDARD:
            # Clipped as in `fit`; the quotient may still be huge, and is then clipped again.
            with np.errstate(over="ignore"):
                result = (np.clip(numbers, -MAX_FITTED, MAX_FITTED) - self.mean) / self.deviation
        bound = limits.MAX_ENCODED_MAGNITUDE
        return np.clip(np.where(np.isnan(result), 1.0 if self.missing else 0.0, result), -bound, bound)

    def indices(self, numbers: FloatArray) -> npt.NDArray[np.int32] | None:
        """Where each number's value stands; None where all stand at 0."""
        return np.isnan(numbers).astype(np.int32) if self.missing else None


class BucketField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="buckets", tag_field="scheme"):
    """One index per interval [boundary, next boundary), as a category.

    A missing number has index 0 with the value 0, or the last index to itself.
    """

    boundaries: tuple[float, ...]
    missing: bool = False
    """Whether a missing number has an index of its own."""

    def __post_init__(self) -> None:
        if not self.boundaries or not all(map(math.isfinite, self.boundaries)):
            raise ValueError("boundaries: at least one, all finite")
        if not _ascending(self.boundaries):
            raise ValueError("boundaries: must be strictly increasing")

    @property
    def size(self) -> int:
        """How many indices."""
        return len(self.boundaries) + 1 + self.missing

    @classmethod
    def fit(cls, feature: Feature, numbers: FloatArray) -> Self:
        """Intervals that hold as many of `numbers`, those of the training rows, each, as far as these differ.

        At most `feature.quantiles`, and none with fewer than MIN_QUANTILE_ROWS rows.
        """
        present = np.sort(numbers[~np.isnan(numbers)])
        parts = max(1, min(feature.quantiles or 1, present.size // limits.MIN_QUANTILE_ROWS))
        found = np.unique(present[(np.arange(1, parts) * present.size) // parts])
        # Of equal numbers all are in one interval: the smallest number would only bound an empty one.
        above = found[found > present[0]] if found.size else found
        missing = feature.missing is Missing.CATEGORY
        return cls(boundaries=tuple(above.tolist()) or (0.0,), missing=missing)

    def lookup(self, numbers: FloatArray) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_] | None]:
        """(indices, which numbers mean nothing; None: all mean something)."""
        missing = np.isnan(numbers)
        at = self._intervals(numbers)
        at[missing] = self.size - 1 if self.missing else 0
        return at, None if self.missing else missing

    def _intervals(self, numbers: FloatArray) -> npt.NDArray[np.int32]:
        if len(self.boundaries) > _FEW_BOUNDARIES:
            return np.searchsorted(np.asarray(self.boundaries), numbers, side="right").astype(np.int32)
        # Counting those that are not above is quicker than searching, and counts none for a missing one.
        count = np.zeros(numbers.shape, np.uint8)
        for boundary in self.boundaries:
            count += numbers >= boundary
        return count.astype(np.int32)


def _ascending(values: Sequence[float]) -> bool:
    return all(low < high for low, high in pairwise(values))
