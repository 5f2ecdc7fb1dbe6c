"""Adagrad (Duchi, Hazan, Singer 2011, JMLR 12): each number has its own rate, lr / √(start + Σ g²)."""

from typing import Final

import numpy as np

from confide.algorithms.base import Floats, Integers

_SPARSE: Final = 16
"""Index spaces up to so many times the indices are marked rather than the indices sorted."""


class Adagrad:
    """Updates one array in place."""

    def __init__(self, target: Floats, *, rate: float, start: float) -> None:
        self._target = target
        self._rate = target.dtype.type(rate)
        self._squares = np.full_like(target, start)

    def update(self, gradient: Floats) -> None:
        """A dense step: `gradient` has the target's shape."""
        self._squares += gradient * gradient
        self._target -= self._rate * gradient / np.sqrt(self._squares)

    def update_rows(self, rows: Integers, gradient: Floats) -> None:
        """A sparse step: only the given rows, each named once, are touched; `gradient` is (rows, …)."""
        squares = np.take(self._squares, rows, axis=0)
        squares += gradient * gradient
        self._squares[rows] = squares
        self._target[rows] -= self._rate * gradient / np.sqrt(squares)


def _distinct(indices: Integers) -> tuple[Integers, Integers]:
    """As np.unique with return_inverse; without a sort where the index space is not much larger."""
    size = int(indices.max(initial=-1)) + 1
    if size > _SPARSE * len(indices):
        return np.unique(indices, return_inverse=True)
    seen = np.zeros(size, np.bool_)
    seen[indices] = True
    rows = np.flatnonzero(seen)
    places = np.empty(size, np.int32)
    places[rows] = np.arange(len(rows), dtype=np.int32)
    return rows, places[indices]


def sum_by_row(indices: Integers, contributions: Floats) -> tuple[Integers, Floats]:
    """Distinct indices, and for each the sum of its contributions.

    `indices` is (m,), `contributions` (width, m); the result is (u,) ascending and (u, width). The sums run
    in float64 in the order of the rows, so they do not depend on how the machine sorts.
    """
    rows, position = _distinct(indices)
    sums = np.empty((len(rows), len(contributions)), dtype=contributions.dtype)
    for column, weights in enumerate(contributions):
        sums[:, column] = np.bincount(position, weights=weights, minlength=len(rows))
    return rows, sums
