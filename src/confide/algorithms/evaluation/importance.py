"""How much worse predictions get when one field's values are shuffled among rows (Breiman 2001)."""

from collections.abc import Callable, Iterator

import numpy as np

from confide.algorithms import metrics
from confide.algorithms.base import Batch, Floats, Integers


def permutation_importance(
    predict: Callable[[Integers, Floats], Floats], rows: Batch, *, binary: bool, repeats: int, seed: int
) -> Iterator[tuple[float, float]]:
    """For each field: the mean loss added (logloss, or RMSE), and its standard deviation over the repeats.

    The rows' arrays are shuffled in place, one field at a time, and put back.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    measure = metrics.logloss if binary else metrics.rmse
    before = measure(rows.labels, predict(rows.indices, rows.values))
    for at in range(rows.indices.shape[1]):
        indices, values = rows.indices[:, at].copy(), rows.values[:, at].copy()
        added = []
        for _ in range(repeats):
            order = random.permutation(len(rows))
            rows.indices[:, at], rows.values[:, at] = indices[order], values[order]
            added.append(measure(rows.labels, predict(rows.indices, rows.values)) - before)
        rows.indices[:, at], rows.values[:, at] = indices, values
        yield float(np.mean(added)), float(np.std(added))
