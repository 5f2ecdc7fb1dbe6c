"""Measures of quality over (n,) labels and (n,) predictions, computed in float64."""

import numpy as np

from confide.algorithms.base import Floats

PROBABILITY_FLOOR = 1e-7
"""Probabilities are clipped to [floor, 1 - floor] so that one sure mistake is not an infinite loss."""


def logloss(labels: Floats, probabilities: Floats) -> float:
    """Mean negative log-likelihood, natural logarithm, of binary labels. NaN when there are no rows."""
    chance = np.clip(probabilities.astype(np.float64), PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    truth = labels.astype(np.float64)
    return _mean(-(truth * np.log(chance) + (1 - truth) * np.log1p(-chance)))


def auc(labels: Floats, scores: Floats) -> float | None:
    """Area under the ROC curve; a tie counts half. None unless both classes are there.

    The Mann-Whitney statistic by mid-ranks: exact, O(n log n) (Hanley and McNeil 1982).
    """
    positive = labels > 0.5  # noqa: PLR2004 - labels are 0 or 1
    positives = int(positive.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    mid_rank = (last - sizes + 1 + last) / 2
    above = mid_rank[group][positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def rmse(labels: Floats, predictions: Floats) -> float:
    """Root of the mean squared error. NaN when there are no rows."""
    return float(np.sqrt(_mean((labels.astype(np.float64) - predictions.astype(np.float64)) ** 2)))


def accuracy(labels: Floats, probabilities: Floats, threshold: float = 0.5) -> float:
    """Share of rows whose class (probability ≥ threshold) is the label's. NaN when there are no rows."""
    hits = (probabilities >= threshold) == (labels > 0.5)  # noqa: PLR2004 - labels are 0 or 1
    return _mean(hits.astype(np.float64))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
