"""Which features of a new encoding an older one knew: what a training that starts from a model carries over.

Fields are the same where party and column are. A category is known where the older encoding had an index for
it alone (exact), or for its bucket (hashed, with as many bits or fewer); a number where its transform is the
same; an interval where all boundaries are; "missing" where both know it. What is not known starts anew.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from confide.core.features import CROSSED
from confide.data.code_table import CodeTable
from confide.data.encoding import FeatureEncoder
from confide.data.filling import Mapping
from confide.data.numbers import BucketField, NumericField
from confide.data.vocabulary import UNKNOWN, ExactField, HashedField

Places = npt.NDArray[np.int64]
NEW: Final = -1


def carried(older: FeatureEncoder, newer: FeatureEncoder) -> Places:
    """(features of the newer encoding,): the index of each in the older one, or NEW."""
    known = {name: (mapping, start) for name, mapping, start in older.index_space}
    for cross in set(older.crosses) - set(newer.crosses):
        known.pop((CROSSED, cross.name))  # of other columns: its categories are others
    result = np.full(newer.feature_count, NEW, np.int64)
    for name, mapping, start in newer.index_space:
        if name in known:
            before, offset = known[name]
            places = _places(before, mapping)
            result[start : start + mapping.size] = np.where(places == NEW, NEW, places + offset)
    return result


def _places(older: Mapping, newer: Mapping) -> Places:
    """Within one field."""
    for kinds, find in _PAIRS:
        if isinstance(older, kinds[0]) and isinstance(newer, kinds[1]):
            return find(older, newer)
    return np.full(newer.size, NEW, np.int64)


def _exact_exact(older: ExactField, newer: ExactField) -> Places:
    at, found = CodeTable(older.known).find(newer.known)
    rest = UNKNOWN if older.rare else NEW
    return np.concatenate(([rest], np.where(found, at.astype(np.int64) + 1, NEW)))


def _hashed_exact(older: HashedField, newer: ExactField) -> Places:
    indices, _ = older.reader()(newer.known)
    return np.concatenate(([NEW], indices.astype(np.int64)))


def _hashed_hashed(older: HashedField, newer: HashedField) -> Places:
    """A bucket is named by the upper bits of a hash: those of fewer bits hold whole buckets of more."""
    more = newer.bits - older.bits
    if older.seed != newer.seed or more < 0:
        return np.full(newer.size, NEW, np.int64)
    return np.concatenate(([UNKNOWN], (np.arange(newer.size - 1) >> more) + 1))


def _number(older: NumericField, newer: NumericField) -> Places:
    same = older.transform is newer.transform and older.exponent == newer.exponent
    return np.array([0 if same else NEW, *_of_missing(older, newer)], np.int64)


def _intervals(older: BucketField, newer: BucketField) -> Places:
    intervals = len(newer.boundaries) + 1
    same = older.boundaries == newer.boundaries
    places = np.arange(intervals) if same else np.full(intervals, NEW, np.int64)
    return np.concatenate((places, np.array(_of_missing(older, newer), np.int64)))


def _of_missing(older: NumericField | BucketField, newer: NumericField | BucketField) -> list[int]:
    """Of the index that a missing number has to itself, if it has one: the last."""
    if not newer.missing:
        return []
    return [older.size - 1 if older.missing else NEW]


_PAIRS: Final[tuple[tuple[tuple[type, type], Callable[..., Places]], ...]] = (
    ((ExactField, ExactField), _exact_exact),
    ((HashedField, ExactField), _hashed_exact),
    ((HashedField, HashedField), _hashed_hashed),
    ((NumericField, NumericField), _number),
    ((BucketField, BucketField), _intervals),
)
"""(older, newer): how. Other pairs have nothing in common."""
