"""Embeddings of rows beside each other, FM's terms over them, and their update: by the core, or in NumPy.

The core does float32, if it is installed (engine/embeddings.py). An update's numbers are the same to the bit
either way: sums run in float64 in the order of the rows, each feature by one thread.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from confide.algorithms.adagrad import Adagrad, sum_by_row
from confide.algorithms.base import Floats, Integers
from confide.algorithms.engine import embeddings as core
from confide.algorithms.fm_network import pooled


@dataclass(slots=True)
class Embedded:
    """What rows' records become."""

    rows: Floats
    """(n, F * K): embeddings times values, field beside field."""
    sums: Floats
    """(n, K) over the fields; (n, 0) where there are no pairs."""
    added: Floats
    """(n,): linear part and pairs; zeros where there are none."""

    @classmethod
    def of(
        cls, records: Floats, indices: Integers, values: Floats, size: int, target: Floats | None = None
    ) -> Self:
        """`records` (features, K), or (features, K + 1) with the linear weights: then with pairs.

        `target`: (n, F * K), where the embeddings are to be.
        """
        rows, fields = indices.shape
        if target is None:
            target = np.empty((rows, fields * size), records.dtype)
        if core.can(records.dtype):
            return cls(target, *core.embed(records, indices, values, size=size, target=target))
        scaled: Floats = np.take(records, indices, axis=0)
        scaled *= values[..., None]
        embedded = scaled[..., :size]
        target[...] = embedded.reshape(rows, -1)
        if records.shape[1] == size:
            return cls(target, np.empty((rows, 0), records.dtype), np.zeros(rows, records.dtype))
        added = pooled(embedded).sum(axis=1) + scaled[..., -1].sum(axis=1)
        return cls(target, embedded.sum(axis=1), added)

    def add_pair_slopes(self, slopes: Floats, target: Floats) -> None:
        """`slopes` (n,) of the outputs; to the slopes `target` of `rows` the pairs' part is added."""
        if not self.sums.size:
            return
        if core.can(self.rows.dtype):
            core.add_pair_slopes(self.rows, self.sums, slopes, target)
            return
        by_field = (*self.sums.shape[:1], -1, self.sums.shape[1])
        pairs = self.sums[:, None] - self.rows.reshape(by_field)
        target += (slopes[:, None, None] * pairs).reshape(target.shape)


class Update(Protocol):
    """Of the records that a batch has touched."""

    def update(
        self, indices: Integers, values: Floats, embedded_slopes: Floats, slopes: Floats, pool: Executor
    ) -> None:
        """`indices` and `values` (n, F), `embedded_slopes` (n, F * K), `slopes` (n,) of the outputs."""
        ...


class RecordsAdagrad:
    """Adagrad on records, in NumPy. Implements Update."""

    def __init__(self, records: Floats, *, size: int, rate: float, start: float) -> None:
        self._size, self._width = size, records.shape[1]
        self._adagrad = Adagrad(records, rate=rate, start=start)

    def update(
        self, indices: Integers, values: Floats, embedded_slopes: Floats, slopes: Floats, pool: Executor
    ) -> None:
        del pool
        records = np.empty((*indices.shape, self._width), embedded_slopes.dtype)
        records[..., : self._size] = embedded_slopes.reshape(*indices.shape, self._size)
        records[..., self._size :] = slopes[:, None, None]
        records *= values[..., None]
        self._adagrad.update_rows(*sum_by_row(indices.reshape(-1), records.reshape(-1, self._width).T))


def updates(records: Floats, *, size: int, rate: float, start: float, threads: int) -> Update:
    """By the core where it can."""
    if core.can(records.dtype):
        return core.RecordsAdagrad(records, size=size, rate=rate, start=start, threads=threads)
    return RecordsAdagrad(records, size=size, rate=rate, start=start)
