"""Updates of a DeepNetwork: a batch in shards, several at a time, whose sums are added in their order.

How a batch is cut depends on its size alone, and each feature is updated by one thread in the order of the
rows: what is learned doesn't depend on how many threads there are.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from confide.algorithms.adagrad import Adagrad
from confide.algorithms.base import Batch, Floats, Integers
from confide.algorithms.deep_embeddings import updates
from confide.algorithms.deep_network import DeepGradient, DeepNetwork, gradient
from confide.algorithms.losses import OutputLoss
from confide.algorithms.network_learner import NetworkLearner
from confide.data.ordered_pool import workers

SHARDS: Final = 8
"""Of a batch, at most."""
SHARD_ROWS: Final = 128
"""Of a shard, at least: below, what Python does costs as much as the arithmetic."""


def shards(rows: int) -> list[slice]:
    """Of a batch."""
    size = max(SHARD_ROWS, -(-rows // SHARDS))
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


class DeepTrainer(NetworkLearner):
    """Learns many batches at a time: training.RowsLearner over a network."""

    def __init__(
        self,
        network: DeepNetwork,
        loss: OutputLoss,
        *,
        rate: float,
        accumulator_start: float,
        dropout: float,
        l2: float,
        seed: int,
        threads: int | None = None,
    ) -> None:
        """`threads`: those that this process may use, if not said."""
        super().__init__(network, loss)
        self._network = network
        self._dropout = dropout
        self._l2 = network.records.dtype.type(l2)
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._threads = threads or workers()
        self._records = updates(
            network.records, size=network.size, rate=rate, start=accumulator_start, threads=self._threads
        )
        self._dense = [Adagrad(array, rate=rate, start=accumulator_start) for array in network.dense()]
        self._kept: _Space | None = None

    def learn_rows(self, data: Batch, order: Integers, batch_size: int) -> float:
        """One Adagrad step per `batch_size` rows in this order, on their summed loss and each layer's λ‖W‖².

        Returns the sum of each batch's loss before its step. `data` has been checked (base.check_rows).
        """
        with ThreadPoolExecutor(self._threads, thread_name_prefix="deep") as pool:
            return sum(
                self._learn(data, order[start : start + batch_size], pool)
                for start in range(0, len(order), batch_size)
            )

    def _learn(self, data: Batch, order: Integers, pool: Executor) -> float:
        space, masks = self._space(len(order), data.indices.shape[1]), self._masks(len(order))

        def work(rows: slice) -> DeepGradient:
            with np.errstate(over="ignore", invalid="ignore"):  # the loop tells a loss that is not finite
                batch = space.take(data, order[rows], rows)
                kept = None if masks is None else [mask[rows] for mask in masks]
                places = space.embedded[rows], space.embedded_slopes[rows]
                found = gradient(self._network, self._loss, batch, kept, places)
                space.slopes[rows] = found.slopes
                return found

        loss, dense = _summed(pool.map(work, shards(len(order))))
        self._records.update(space.indices, space.values, space.embedded_slopes, space.slopes, pool)
        for optimiser, part, array in zip(self._dense, dense, self._network.dense(), strict=True):
            # Weights have two axes, biases and the output one.
            decay = 2 * self._l2 * array if self._l2 and array.ndim > 1 else 0
            optimiser.update(part + decay)
        return loss

    def _space(self, rows: int, fields: int) -> "_Space":
        if self._kept is None or len(self._kept.slopes) < rows:
            self._kept = _Space.of(rows, fields, self._network.size, self._network.records.dtype)
        return self._kept.first(rows)

    def _masks(self, rows: int) -> list[Floats] | None:
        """Per layer (n, units): 0 with the probability of dropout, else 1 / (1 - dropout)."""
        if not self._dropout:
            return None
        dtype = self._network.records.dtype
        shapes = [(rows, len(layer.bias)) for layer in self._network.layers]
        draws = (self._random.random(shape, np.float32) >= self._dropout for shape in shapes)
        return [np.asarray(draw / (1 - self._dropout), dtype) for draw in draws]


@dataclass(slots=True)
class _Space:
    """The arrays of a batch, kept from one to the next: fresh pages cost as much as the work."""

    indices: npt.NDArray[np.int32]
    """(n, F)"""
    values: Floats
    """(n, F)"""
    embedded: Floats
    """(n, F * K)"""
    embedded_slopes: Floats
    """(n, F * K)"""
    slopes: Floats
    """(n,) of the outputs."""

    @classmethod
    def of(cls, rows: int, fields: int, size: int, dtype: np.dtype[Any]) -> Self:
        wide = np.empty((2, rows, fields * size), dtype)
        places = (rows, fields)
        return cls(
            np.empty(places, np.int32), np.empty(places, dtype), wide[0], wide[1], np.empty(rows, dtype)
        )

    def first(self, rows: int) -> Self:
        """So many rows of it."""
        places = self.indices[:rows], self.values[:rows]
        return type(self)(*places, self.embedded[:rows], self.embedded_slopes[:rows], self.slopes[:rows])

    def take(self, data: Batch, chosen: Integers, rows: slice) -> Batch:
        """The chosen ones of `data`, which become `rows` of the batch."""
        self.indices[rows], self.values[rows] = data.indices[chosen], data.values[chosen]
        return Batch(self.indices[rows], self.values[rows], data.labels[chosen])


def _summed(parts: Iterator[DeepGradient]) -> tuple[float, list[Floats]]:
    """Losses and dense gradients, added in their order."""
    first = next(parts)
    loss, dense = first.loss, first.dense
    for part in parts:
        loss += part.loss
        for total, more in zip(dense, part.dense, strict=True):
            np.add(total, more, out=total)
    return loss, dense
