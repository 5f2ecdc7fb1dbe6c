"""What trees look at: fields as numbers. A number is itself; a category becomes its labels' mean.

    s(c) = (Σ labels of rows with c + m · mean of all labels) / (rows with c + m)

A field of few categories is looked at once more, as the index within the field: means alone don't tell
apart what differs only together with other fields.

For training, a row's own label must not be in its number, or the trees would read it there: the rows are
dealt into FOLDS parts, and each part gets the means of the others (target statistics as in Prokhorenkova et
al. 2018, NeurIPS, arXiv:1706.09516, by folds instead of one permutation).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Batch, Floats, Integers, Shards
from confide.core import limits
from confide.core.errors import ModelFileInvalid
from confide.data.ordered_pool import map_in_order

FOLDS: Final = 5
FEW: Final = 255
"""Categories of a field that is looked at twice: one bin for each."""
PIECE_ROWS: Final = 1 << 14
"""Made into numbers at a time: what the trees' library makes of them is much smaller."""
NAMES: Final = ("category.mean", "field.few", "field.numeric", "mean")
NOT_FEW: Final = -1.0
BYTES_PER_FEATURE: Final = 6 * 8 + (FOLDS + 1) * 4
"""Sums and counts of all and of one part, two while they are divided; and the means."""
Numbers = npt.NDArray[np.float32]
Sums = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NumberMap:
    """How the fields of a row become numbers."""

    means: Numbers
    """(features,): s(c)."""
    numeric: npt.NDArray[np.bool_]
    """(fields,): which fields are numbers, not categories."""
    few: npt.NDArray[np.float64]
    """(fields,): the least index of a field of few categories, else NOT_FEW."""
    mean: np.float32
    """Of all labels: what stands for a category that means nothing."""

    @property
    def width(self) -> int:
        """How many numbers a row becomes."""
        return len(self.numeric) + int((self.few >= 0).sum())

    def numbers(self, indices: Integers, values: Floats) -> Numbers:
        """(n, width): of all fields, then of those of few categories once more."""
        known = values != 0
        found = np.empty((len(indices), self.width), np.float32)
        fields, few = len(self.numeric), self.few >= 0
        categories = np.where(known, np.take(self.means, indices), self.mean)
        found[:, :fields] = np.where(self.numeric, values, categories)
        found[:, fields:] = np.where(known[:, few], indices[:, few] - self.few[few] + 1, 0)
        return found

    def arrays(self) -> dict[str, Floats]:
        """By name, as the model file holds them."""
        return {
            "category.mean": self.means.copy(),
            "field.few": self.few.copy(),
            "field.numeric": self.numeric.astype(np.float32),
            "mean": np.array([self.mean], np.float32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Self:
        """Those named NAMES, which may come from anywhere. Raises ModelFileInvalid."""
        means, few, numeric, mean = (arrays[name] for name in NAMES)
        plain = all(array.dtype == np.float32 and array.ndim == 1 for array in (means, numeric, mean))
        if not plain or mean.shape != (1,) or not np.isin(numeric, (0, 1)).all():
            raise ModelFileInvalid("the trees' numbers have another shape or type")
        if not (np.isfinite(means).all() and np.isfinite(mean).all()):
            raise ModelFileInvalid("the trees' numbers are not all finite")
        if few.dtype != np.float64 or few.shape != numeric.shape:
            raise ModelFileInvalid("the trees' numbers have another shape or type")
        if not ((few == NOT_FEW) | ((few >= 0) & (few < len(means)) & (few == np.floor(few)))).all():
            raise ModelFileInvalid("the trees' numbers point outside of the features")
        if not (0 < len(means) <= limits.MAX_FEATURES and 0 < len(numeric) <= limits.MAX_FIELDS):
            raise ModelFileInvalid("the trees have no features or fields, or too many")
        return cls(means.copy(), numeric == 1, few.copy(), mean[0])


class Dealt:
    """Training rows in FOLDS parts, by a draw for each row: the same whenever a shard is loaded again."""

    def __init__(self, data: Shards, feature_count: int, seed: int, smoothing: float) -> None:
        """Goes through all shards FOLDS + 1 times."""
        self._data, self._features, self._smoothing = data, feature_count, smoothing
        self._mean = float(data.labels.mean(dtype=np.float64))
        random = np.random.Generator(np.random.PCG64(seed))
        self._parts = [random.integers(0, FOLDS, rows, np.int8) for rows in data.sizes]
        self._numeric, self._few = self._look()
        total = self._sums(None)
        self.map = self._map(*total)
        """For rows that are not learned from."""
        self._without = [self._map(*self._all_but(part, total)) for part in range(FOLDS)]

    def fill(self, at: int, chosen: Integers | slice = slice(None)) -> Numbers:
        """The numbers (n, width) of a shard's chosen rows, each from the labels of the other parts."""
        return self._filled(self._data.load(at).rows(chosen), self._parts[at][chosen])

    def pieces(self, at: int) -> Iterator[Numbers]:
        """Those of all rows of a shard, PIECE_ROWS at a time; several pieces are made side by side."""
        rows, parts = self._data.load(at), self._parts[at]

        def work(piece: slice) -> Numbers:
            return self._filled(rows.rows(piece), parts[piece])

        return map_in_order(work, pieces_of(len(rows)))

    def _filled(self, rows: Batch, parts: npt.NDArray[np.int8]) -> Numbers:
        numbers = np.empty((len(rows), self.map.width), np.float32)
        for part, others in enumerate(self._without):
            chosen = parts == part
            numbers[chosen] = others.numbers(rows.indices[chosen], rows.values[chosen])
        return numbers

    def _look(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """Which fields have one index only, and which have few, from which index on.

        Those with one are numbers; or categories of which there is but one, which is as good as a number.
        """
        least = np.full(self._data.fields, self._features, np.int64)
        most = np.full(self._data.fields, -1, np.int64)
        for at in range(len(self._parts)):
            indices = self._data.load(at).indices
            least = np.minimum(least, indices.min(axis=0, initial=self._features))
            most = np.maximum(most, indices.max(axis=0, initial=-1))
        numeric = least == most
        return numeric, np.where(~numeric & (most - least < FEW), least, NOT_FEW)

    def _all_but(self, part: int, total: tuple[Sums, Sums]) -> tuple[Sums, Sums]:
        sums, counts = self._sums(part)
        return np.subtract(total[0], sums, out=sums), np.subtract(total[1], counts, out=counts)

    def _map(self, sums: Sums, counts: Sums) -> NumberMap:
        means = (sums + self._smoothing * self._mean) / (counts + self._smoothing)
        return NumberMap(means.astype(np.float32), self._numeric, self._few, np.float32(self._mean))

    def _sums(self, part: int | None) -> tuple[Sums, Sums]:
        """Per feature, of all rows or of one part: sum of labels, number of rows."""
        sums, counts = np.zeros(self._features), np.zeros(self._features)
        for at, parts in enumerate(self._parts):
            rows = self._data.load(at)
            chosen = slice(None) if part is None else parts == part
            _add(rows.indices[chosen], rows.labels[chosen], sums, counts)
        return sums, counts


def pieces_of(rows: int) -> Iterator[slice]:
    """PIECE_ROWS each."""
    return (slice(start, start + PIECE_ROWS) for start in range(0, rows, PIECE_ROWS))


def _add(indices: Integers, labels: Floats, sums: Sums, counts: Sums) -> None:
    weights = labels.astype(np.float64)
    for column in indices.T if len(indices) else ():
        first, width = int(column.min()), int(np.ptp(column)) + 1
        place = slice(first, first + width)
        sums[place] += np.bincount(column - first, weights, width)
        counts[place] += np.bincount(column - first, minlength=width)
