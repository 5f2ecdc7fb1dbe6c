"""Confidence intervals of figures and of their differences between models, by resampling the held-out rows.

Each resample draws a weight for every row, Poisson(1) (Chamandy et al. 2012, "Estimating uncertainty for
massive data streams": for many rows as good as drawing with replacement), the same for all models: that
makes the differences paired. The rows are sorted once per model; a resample is a few passes over arrays.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Floats
from confide.algorithms.metrics import PROBABILITY_FLOOR

Weights = npt.NDArray[np.uint8]
_DRAWS: Final = 1 << 16
_MOST: Final = 8
"""A Poisson(1) variable is greater in one of a million cases."""


def _poisson_table() -> Weights:
    """For each 16-bit draw: the weight."""
    chances = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(_MOST)])
    return np.searchsorted(chances * _DRAWS, np.arange(_DRAWS), side="right").astype(np.uint8)


class _Sorted:
    """One model's predictions, sorted once."""

    def __init__(self, labels: Floats, scores: Floats) -> None:
        self._order = np.argsort(scores, kind="stable")
        rising = scores[self._order]
        self._positive = labels[self._order] > 0.5  # noqa: PLR2004 - labels are 0 or 1
        self._starts = np.flatnonzero(np.append(True, rising[1:] != rising[:-1]))
        chance = np.clip(scores.astype(np.float64), PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
        self._losses = -np.where(labels > 0.5, np.log(chance), np.log1p(-chance))  # noqa: PLR2004

    def figures(self, weights: Weights) -> dict[str, float]:
        """AUC (NaN for one class) and logloss (for no rows), each row counted as often as its weight says."""
        moved = weights[self._order]
        positive = np.add.reduceat(moved * self._positive, self._starts, dtype=np.int64)
        negative = np.add.reduceat(moved, self._starts, dtype=np.int64) - positive
        below = np.cumsum(negative) - negative
        pairs = float(positive.sum()) * float(negative.sum())
        above = float(positive @ below) + float(positive @ negative) / 2
        rows, loss = int(weights.sum(dtype=np.int64)), float(weights.astype(np.float64) @ self._losses)
        return {"auc": above / pairs if pairs else math.nan, "logloss": loss / rows if rows else math.nan}


def resampled(
    labels: Floats, predictions: Mapping[str, Floats], resamples: int, seed: int
) -> Iterator[dict[str, dict[str, float]]]:
    """For each model its figures: first as they are, then for each resample. Labels are 0 or 1."""
    models = {name: _Sorted(labels, scores) for name, scores in predictions.items()}
    random, table = np.random.Generator(np.random.PCG64(seed)), _poisson_table()
    yield _figures(models, np.ones(len(labels), np.uint8))
    for _ in range(resamples):
        weights = table[random.integers(0, _DRAWS, len(labels), np.uint16)]
        yield _figures(models, weights)


def _figures(models: Mapping[str, _Sorted], weights: Weights) -> dict[str, dict[str, float]]:
    return {name: model.figures(weights) for name, model in models.items()}


def interval(value: float, values: Floats, confidence: float) -> dict[str, float | None]:
    """A figure, and the percentiles of its resampled values between which `confidence` of them lie.

    None where the figure is not defined; resamples in which it was not are left out.
    """
    known = values[np.isfinite(values)]
    if not math.isfinite(value) or not len(known):
        return {"value": None, "low": None, "high": None}
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return {"value": value, "low": float(low), "high": float(high)}
