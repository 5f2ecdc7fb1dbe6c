"""Which rows train and which are held out."""

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def holdout(rows: int, fraction: float, seed: int, *, mixed: bool = False) -> tuple[IntArray, IntArray]:
    """Split range(rows) into (training, held-out) row indices, each sorted, each of at least one row.

    `mixed` leaves the same training rows in the order of the permutation: cut into parts, each is a sample.
    The held-out share is `fraction` of the rows, rounded; the choice is a permutation by PCG64 from `seed`
    and so the same on every machine. Raises ValueError for fewer than two rows or a fraction outside (0, 1).
    """
    if rows < 2:  # noqa: PLR2004 - one for each side
        raise ValueError("a split needs at least two rows")
    if not 0 < fraction < 1:
        raise ValueError("the held-out fraction lies strictly between 0 and 1")
    held = min(max(round(rows * fraction), 1), rows - 1)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(rows).astype(np.int64)
    training = order[held:]
    return training if mixed else np.sort(training), np.sort(order[:held])


def newest(times: npt.NDArray[np.float64], fraction: float) -> tuple[IntArray, IntArray]:
    """Split (rows,) by time into (the older, oldest first; the newest, in their own order).

    Rows of the same time stay in their order; rows without a time (NaN) count as the oldest.
    Raises ValueError as `holdout` does.
    """
    if len(times) < 2 or not 0 < fraction < 1:  # noqa: PLR2004 - one for each side
        raise ValueError("a split needs at least two rows, and a fraction strictly between 0 and 1")
    held = min(max(round(len(times) * fraction), 1), len(times) - 1)
    order = np.argsort(np.where(np.isnan(times), -np.inf, times), kind="stable").astype(np.int64)
    return order[:-held], np.sort(order[-held:])


def marked(held: Mask, seed: int) -> tuple[IntArray, IntArray]:
    """Split (rows,) into (the unmarked, in random order; the marked). Raises ValueError if one is empty."""
    rest, chosen = np.flatnonzero(~held), np.flatnonzero(held)
    if not len(rest) or not len(chosen):
        raise ValueError("no row, or every row, belongs to the held-out folds")
    return shuffled(rest, seed), chosen


def shuffled(rows: IntArray, seed: int) -> IntArray:
    """The rows in an order by PCG64 from `seed`."""
    return np.random.Generator(np.random.PCG64(seed)).permutation(rows)


def aside(rows: IntArray, share: float) -> tuple[IntArray, IntArray]:
    """(the first rows, the last `share`), at least one on each side. Raises ValueError for less than two."""
    if len(rows) < 2:  # noqa: PLR2004 - one for each side
        raise ValueError("nothing is left to train on beside the validation rows")
    count = min(max(round(len(rows) * share), 1), len(rows) - 1)
    return rows[:-count], rows[-count:]


def thinned(rows: IntArray, labels: npt.NDArray[Any], keep: float, seed: int) -> IntArray:
    """The rows with label 1, and of those with label 0 a share, in the same order; `labels` of all rows."""
    draws = np.random.Generator(np.random.PCG64(seed)).random(len(rows), np.float32)
    return rows[(labels[rows] > 0.5) | (draws < keep)]  # noqa: PLR2004 - labels are 0 or 1


def folds(rows: IntArray, count: int, seed: int) -> list[IntArray]:
    """The rows in so many random parts of equal size. Raises ValueError for fewer rows than parts."""
    if len(rows) < count:
        raise ValueError(f"{len(rows)} rows can't be cut into {count} folds")
    return np.array_split(shuffled(rows, seed), count)
