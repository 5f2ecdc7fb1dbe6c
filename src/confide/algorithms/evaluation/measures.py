"""All figures of one model over the held-out rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from confide.algorithms import metrics
from confide.algorithms.base import Floats
from confide.algorithms.evaluation.calibration import reliability
from confide.algorithms.evaluation.ranking import Ranking
from confide.core import limits


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is measured beyond `basic`."""

    thresholds: tuple[float, ...]
    shares: tuple[float, ...]
    bins: int


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """To which group each row belongs."""

    values: tuple[str, ...]
    of_row: npt.NDArray[np.int16]
    """(n,) index into values; -1: none of them."""
    minimum_rows: int


def basic(labels: Floats, predictions: Floats) -> dict[str, Any]:
    """What every training tells."""
    auc = metrics.auc(labels, predictions)
    found = {
        "logloss": metrics.logloss(labels, predictions),
        "rmse": metrics.rmse(labels, predictions),
        "accuracy": metrics.accuracy(labels, predictions),
        "label_mean": float(np.mean(labels)),
    }
    return found if auc is None else {"auc": auc, **found}


def detailed(labels: Floats, predictions: Floats, wanted: Wanted, groups: Grouped | None) -> dict[str, Any]:
    """What a task asks for beyond that. Empty where labels are not 0 and 1: none of it has a meaning then."""
    if not is_binary(labels):
        return {}
    ranking = Ranking.of(labels, predictions)
    found: dict[str, Any] = {
        "ks": ranking.ks(),
        "roc": ranking.curve(limits.CURVE_POINTS),
        "thresholds": [ranking.at_threshold(at) for at in wanted.thresholds],
        "lift": [ranking.at_share(share) for share in wanted.shares],
        "calibration": reliability(labels, predictions, wanted.bins),
    }
    return found if groups is None else found | {"groups": by_group(labels, predictions, groups)}


def is_binary(labels: Floats) -> bool:
    """Whether there are rows, and all labels are 0 or 1."""
    return bool(len(labels)) and bool(((labels == 0) | (labels == 1)).all())


def by_group(labels: Floats, predictions: Floats, groups: Grouped) -> list[dict[str, Any]]:
    """AUC of each group; of one with too few rows nothing but its name."""
    told: list[dict[str, Any]] = []
    for number, value in enumerate(groups.values):
        chosen = groups.of_row == number
        rows = int(chosen.sum())
        if rows < groups.minimum_rows:
            told.append({"value": value, "rows": None, "auc": None, "label_mean": None})
            continue
        auc = metrics.auc(labels[chosen], predictions[chosen])
        mean = float(labels[chosen].mean(dtype=np.float64))
        told.append({"value": value, "rows": rows, "auc": auc, "label_mean": mean})
    return told


def over_folds(folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation (n - 1) of each figure over the folds, and the folds themselves."""
    names = [name for name in folds[0] if all(isinstance(fold.get(name), float) for fold in folds)]
    values = {name: np.array([fold[name] for fold in folds]) for name in names}
    return {
        "mean": {name: float(found.mean()) for name, found in values.items()},
        "deviation": {name: float(found.std(ddof=1)) for name, found in values.items()},
        "folds": list(folds),
    }
