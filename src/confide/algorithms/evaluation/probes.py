"""Asked of a model before it leaves: does it give training rows away, does a field give the label away?"""

import numpy as np

from confide.algorithms.base import Batch, Floats
from confide.algorithms.evaluation.ranking import Ranking
from confide.algorithms.metrics import PROBABILITY_FLOOR

_PRIOR_ROWS = 10
"""So many rows with the mean label are added to each category, so that rare ones do not look like proof."""


def losses(labels: Floats, predictions: Floats, *, binary: bool) -> Floats:
    """(n,) loss of each row."""
    if not binary:
        return np.asarray((labels - predictions) ** 2, np.float64)
    chance = np.clip(predictions.astype(np.float64), PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return np.where(labels > 0.5, -np.log(chance), -np.log1p(-chance))  # noqa: PLR2004 - labels are 0 or 1


def membership_advantage(trained_on: Floats, not_trained_on: Floats) -> float:
    """How well a threshold on a row's loss tells members from others: true minus false positive rate.

    0: not at all; 1: always (Yeom et al. 2018, "Privacy Risk in Machine Learning", the adversary that knows
    the losses' distribution and takes the best threshold). Losses of rows of both sides, at least one each.
    """
    member = np.concatenate((np.ones(len(trained_on)), np.zeros(len(not_trained_on))))
    scores = -np.concatenate((trained_on, not_trained_on))
    false, true = Ranking.of(member, scores).rates()
    return float((true - false).max())


def leakage(learn: Batch, held: Batch) -> Floats:
    """(fields,) the AUC on `held` with which each field alone predicts the label; 0.5 where it can't be told.

    A field's score for a row is the mean label of the rows of `learn` with the same category, and for fields
    with numbers also the number itself, whichever way round; the better of the two counts.
    """
    return np.array([_of_field(learn, held, at) for at in range(held.indices.shape[1])])


def _of_field(learn: Batch, held: Batch, at: int) -> float:
    best = _auc(held.labels, _mean_labels(learn, held, at))
    numbers = held.values[:, at]
    if (numbers != numbers[0]).any():
        by_number = _auc(held.labels, numbers)
        best = max(best, by_number, 1 - by_number)
    return best


def _mean_labels(learn: Batch, held: Batch, at: int) -> Floats:
    known, places = np.unique(learn.indices[:, at], return_inverse=True)
    rows = np.bincount(places, minlength=len(known))
    sums = np.bincount(places, weights=learn.labels, minlength=len(known))
    mean = float(learn.labels.mean(dtype=np.float64))
    smoothed = (sums + _PRIOR_ROWS * mean) / (rows + _PRIOR_ROWS)
    found = np.minimum(np.searchsorted(known, held.indices[:, at]), len(known) - 1)
    same = known[found] == held.indices[:, at]
    return np.where(same, smoothed[found], mean)


def _auc(labels: Floats, scores: Floats) -> float:
    found = Ranking.of(labels, scores).auc()
    return 0.5 if found is None else found
