"""Missing share, cardinality, mean, quantiles, and correlation with the label of a column of joined rows."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.data.columns import Values
from confide.data.numbers import MAX_FITTED
from confide.data.statistics.blurring import Blur, Told, coarse, negligible
from confide.data.vocabulary import MISSING

FloatArray = npt.NDArray[np.float64]
AT: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Which quantiles."""
ENOUGH: Final = 4
"""Times `minimum_rows`: of fewer rows nothing is told."""
_EACH_SIDE: Final = 2
"""Times `minimum_rows`: so many rows stand below and above a quantile; each of two labels has so many."""
_WIDEST: Final = 0.5
"""A correlation in wider steps tells nothing."""


def absent(values: Values) -> npt.NDArray[np.bool_]:
    """(rows,) where there is no value."""
    return np.isnan(values) if values.dtype == np.float64 else values == MISSING


def missing(values: Values, blur: Blur) -> Told | None:
    """Share of rows without a value."""
    if len(values) < ENOUGH * blur.rows:
        return None
    return blur.share("missing", int(absent(values).sum()), len(values))


def cardinality(codes: Values, blur: Blur) -> int | None:
    """Categories that enough rows have, between m and 2m by chance; a missing one is none."""
    if len(codes) < ENOUGH * blur.rows:
        return None
    known, places = _categories(codes)
    counts = np.bincount(places)
    return int(((counts >= blur.threshold("cardinality")) & (known != MISSING)).sum())


def _categories(codes: Values) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """(the codes that occur, for each row the place of its own among them); by hashing, not by sorting."""
    found: Any = pa.array(codes).dictionary_encode()
    return found.dictionary.to_numpy(), found.indices.to_numpy()


def ordered(numbers: Values) -> FloatArray:
    """Those that are there, ascending, within ±MAX_FITTED."""
    present = numbers[~np.isnan(numbers)]
    return np.sort(np.clip(present, -MAX_FITTED, MAX_FITTED).astype(np.float64, copy=False))


def mean(present: FloatArray, blur: Blur) -> Told | None:
    """Of `ordered` numbers, clipped to the m-th smallest and the m-th largest.

    A row among those that are clipped also moves the end to the next number, and with it the others.
    """
    if len(present) < blur.threshold("mean", ENOUGH):
        return None
    rows, (low, high) = blur.rows, _ends(present, blur)
    found = float(np.clip(present, low, high).mean())
    to_the_next = max(high - float(present[-rows - 1]), float(present[rows]) - low)
    return blur.number("mean", found, (high - low + rows * to_the_next) * rows / len(present))


def _ends(present: FloatArray, blur: Blur) -> tuple[float, float]:
    return float(present[blur.rows - 1]), float(present[-blur.rows])


def quantiles(present: FloatArray, blur: Blur) -> list[dict[str, float | None]]:
    """Of `ordered` numbers; of each quantile with too few rows below or above nothing but its name."""
    return [{"at": at, **_quantile(present, at, blur)} for at in AT]


def _quantile(present: FloatArray, at: float, blur: Blur) -> dict[str, float | None]:
    """A number near it by chance, rounded to a step no narrower than all numbers that it might have been.

    They are m ranks, which lie within any of the widths, of m to 2m ranks to each side: rounding parts them
    once at most, and so do each two steps that may be drawn. One row moves a rank by one at most.
    """
    rows, count, name = blur.rows, len(present), f"quantile {at}"
    if min(at, 1 - at) * count < blur.threshold(name, _EACH_SIDE):
        return {"value": None, "step": None}
    middle, beside = at * count, rows * (1 + blur.uniform(f"step of {name}"))
    value = float(present[int(middle + (blur.uniform(name) - 0.5) * rows)])
    highest = min(int(middle + beside), count - 1)
    width = float(present[highest] - present[max(int(middle - beside), 0)])
    if negligible(width, value):
        return {"value": value, "step": 0.0}
    step = coarse(width)
    return {"value": float(math.floor(value / float(step) + 0.5) * step), "step": float(step)}


def label_correlation(values: Values, labels: npt.NDArray[np.float32], blur: Blur) -> Told | None:
    """With numbers Pearson's, both clipped as the mean is; with categories the squared correlation ratio."""
    if values.dtype == np.float64:
        there = ~np.isnan(values)
        values, labels = values[there], labels[there]
    right = labels.astype(np.float64)
    if len(right) < blur.threshold("label-correlation", ENOUGH) or not _enough_of_each(right, blur):
        return None
    right = _clipped(right, blur)
    if values.dtype == np.float64:
        return _pearson(_clipped(values.astype(np.float64), blur), right, blur)
    return _correlation_ratio(values, right, blur)


def _enough_of_each(labels: FloatArray, blur: Blur) -> bool:
    """Of two labels, each has its rows; of many, they are clipped."""
    known, counts = np.unique(labels, return_counts=True)
    least = blur.threshold("each label", _EACH_SIDE)
    return len(known) > 2 or bool((counts >= least).all())  # noqa: PLR2004 - as said


def _clipped(numbers: FloatArray, blur: Blur) -> FloatArray:
    within = np.clip(numbers, -MAX_FITTED, MAX_FITTED)
    parted = np.partition(within, (blur.rows - 1, len(within) - blur.rows))
    return np.clip(within, parted[blur.rows - 1], parted[-blur.rows])


def _pearson(left: FloatArray, right: FloatArray, blur: Blur) -> Told | None:
    """One row moves it by about the product of both standardised ranges, over the rows."""
    ranges, spread = float(np.ptp(left)) * float(np.ptp(right)), float(left.std() * right.std())
    if ranges == 0 or spread == 0:
        return None
    found = float(((left - left.mean()) * (right - right.mean())).mean()) / spread
    return _within(-1.0, found, ranges / spread * blur.rows / len(left), blur)


def _correlation_ratio(codes: Values, labels: FloatArray, blur: Blur) -> Told | None:
    """The share of the labels' variance that lies between categories; rare ones together count as one.

    A row moves the mean of a group of g by a g-th of the labels' range, and the squares of two groups' means.
    """
    _, places = _categories(codes)
    least = blur.threshold("groups")
    enough = np.bincount(places) >= least
    groups = np.where(enough, np.cumsum(enough), 0)[places]
    sizes = np.bincount(groups)
    means = np.bincount(groups, weights=labels) / np.maximum(sizes, 1)
    # Where even all rare ones together are too few, they count as no different from the rest.
    off = np.where(sizes >= least, means - labels.mean(), 0.0)
    span, variance = float(np.ptp(labels)), float(labels.var())
    if span == 0 or variance == 0:
        return None
    found = float((sizes * off**2).sum()) / len(labels) / variance
    farthest = float(np.abs(off).max()) / span
    width = 2 * span**2 / variance * (2 * farthest + 1 / blur.rows) * blur.rows / len(labels)
    return _within(0.0, found, width, blur)


def _within(least: float, found: float, width: float, blur: Blur) -> Told | None:
    """Between `least` and 1; nothing in steps that are too wide."""
    if float(coarse(width)) > _WIDEST:
        return None
    told = blur.number("label-correlation", found, width)
    return {"value": min(1.0, max(least, told["value"])), "step": told["step"]}
