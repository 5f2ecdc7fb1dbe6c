"""AFM as numbers: the parameters, outputs for rows, gradients for a batch, and one update.

One record per feature holds its embedding and, last, its linear weight: gathered once, updated once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from confide.algorithms.adagrad import Adagrad, sum_by_row
from confide.algorithms.afm_attention import AttentionWeights, PairAttention
from confide.algorithms.base import Batch, Floats, Integers, checked_arrays
from confide.algorithms.losses import OutputLoss
from confide.algorithms.network_learner import NetworkLearner

GROUP_NUMBERS = 1 << 17
"""Pair products in a group of rows: what stays in a core's second-level cache."""
MIN_GROUP_ROWS = 32
MAX_GROUP_ROWS = 1024


@dataclass(slots=True)
class Network:
    """All learned numbers, of one dtype."""

    records: Floats
    """(features, K + 1): embedding, linear weight."""
    bias: Floats
    """w0, (1,)."""
    attention: AttentionWeights

    @property
    def feature_count(self) -> int:
        """Size of the index space."""
        return len(self.records)

    def outputs(self, indices: Integers, values: Floats) -> Floats:
        """(n,) raw outputs, before the loss turns them into predictions."""
        result = np.empty(len(indices), dtype=self.records.dtype)
        pairs, groups = self.grouped(*indices.shape)
        for rows in groups:
            scaled = self.gather(indices[rows], values[rows])
            result[rows] = pairs.forward(scaled[:-1]) + scaled[-1].sum(axis=0) + self.bias
        return result

    def gather(self, indices: Integers, values: Floats) -> Floats:
        """(K + 1, F, n): each row's records times its values."""
        rows, fields = indices.shape
        records = np.take(self.records, indices.T.reshape(-1), axis=0)
        turned = np.ascontiguousarray(records.T).reshape(-1, fields, rows)
        turned *= values.T
        return turned

    def grouped(self, rows: int, fields: int) -> tuple[PairAttention, list[slice]]:
        """The rows in groups that fit the cache, and buffers for one group."""
        numbers = self.records.shape[1] * max(1, fields * (fields - 1) // 2)
        size = min(max(GROUP_NUMBERS // numbers, MIN_GROUP_ROWS), MAX_GROUP_ROWS, max(rows, 1))
        groups = [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
        return PairAttention(self.attention, field_count=fields, rows=size), groups

    def dense(self) -> tuple[Floats, ...]:
        """The arrays that every row touches, in a fixed order."""
        return (self.bias, *self.attention.arrays())

    def learned(self) -> list[Floats]:
        """All arrays, where they are."""
        return [self.records, *self.dense()]

    def arrays(self) -> dict[str, Floats]:
        """Copies by name, as the model file holds them."""
        return {name: view.copy() for name, view in self.views().items()}

    def views(self) -> dict[str, Floats]:
        """The same numbers, where they are."""
        return {
            "attention.bias": self.attention.bias,
            "attention.output": self.attention.output,
            "attention.weight": self.attention.weight,
            "bias": self.bias,
            "embeddings": self.records[:, :-1],
            "linear": self.records[:, -1],
            "projection": self.attention.projection,
        }

    @staticmethod
    def shapes(embedding_size: int, attention_size: int) -> dict[str, tuple[int | None, ...]]:
        """Of the arrays by name; None is the number of features."""
        return {
            "attention.bias": (attention_size,),
            "attention.output": (attention_size,),
            "attention.weight": (attention_size, embedding_size),
            "bias": (1,),
            "embeddings": (None, embedding_size),
            "linear": (None,),
            "projection": (embedding_size,),
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, Floats], *, embedding_size: int, attention_size: int, dtype: np.dtype[Any]
    ) -> Self:
        """Raises ModelFileInvalid when names, shapes or types do not fit."""
        given = checked_arrays(arrays, cls.shapes(embedding_size, attention_size), dtype)
        records = np.column_stack((given["embeddings"], given["linear"]))
        attention = AttentionWeights(
            weight=given["attention.weight"].copy(),
            bias=given["attention.bias"].copy(),
            output=given["attention.output"].copy(),
            projection=given["projection"].copy(),
        )
        return cls(records, given["bias"].copy(), attention)


@dataclass(slots=True)
class Gradient:
    """Of a batch's summed loss."""

    loss: float
    records: Floats
    """(K + 1, F, n): of each row's records."""
    bias: Floats
    attention: AttentionWeights

    def dense(self) -> tuple[Floats, ...]:
        """In the order of Network.dense."""
        return (self.bias, *self.attention.arrays())


def gradient(network: Network, loss: OutputLoss, batch: Batch, kept: Floats | None = None) -> Gradient:
    """Loss and gradient of a batch; `kept` is the scaled dropout mask (K, n)."""
    rows, fields = batch.indices.shape
    dtype = network.records.dtype
    values, labels = batch.values.astype(dtype, copy=False), batch.labels.astype(dtype, copy=False)
    result = Gradient(
        loss=0.0,
        records=np.empty((network.records.shape[1], fields, rows), dtype),
        bias=np.zeros_like(network.bias),
        attention=AttentionWeights.zeros_like(network.attention),
    )
    pairs, groups = network.grouped(rows, fields)
    for group in groups:
        scaled = network.gather(batch.indices[group], values[group])
        pooled = pairs.forward(scaled[:-1], None if kept is None else kept[:, group])
        outputs = pooled + scaled[-1].sum(axis=0) + network.bias
        result.loss += loss.total(outputs, labels[group])
        slope = loss.derivative(outputs, labels[group])
        result.bias += slope.sum()
        result.records[:-1, :, group] = pairs.backward(slope, result.attention)
        result.records[-1, :, group] = slope
    result.records *= values.T
    return result


class Trainer(NetworkLearner):
    """Learns batches: training.Learner over a network."""

    def __init__(
        self,
        network: Network,
        loss: OutputLoss,
        *,
        rate: float,
        accumulator_start: float,
        dropout: float,
        attention_l2: float,
        seed: int,
    ) -> None:
        super().__init__(network, loss)
        self._network = network
        self._dropout = dropout
        self._attention_l2 = attention_l2
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._records = Adagrad(network.records, rate=rate, start=accumulator_start)
        self._dense = [Adagrad(array, rate=rate, start=accumulator_start) for array in network.dense()]

    def learn(self, batch: Batch) -> float:
        """One Adagrad step on the batch's summed loss plus λ‖W‖²; returns the loss before it."""
        step = gradient(self._network, self._loss, batch, self._mask(len(batch)))
        step.attention.weight += 2 * self._attention_l2 * self._network.attention.weight
        for optimiser, part in zip(self._dense, step.dense(), strict=True):
            optimiser.update(part)
        width = len(step.records)
        self._records.update_rows(*sum_by_row(batch.indices.T.reshape(-1), step.records.reshape(width, -1)))
        return step.loss

    def _mask(self, rows: int) -> Floats | None:
        """(K, n): 0 with the probability of dropout, else 1 / (1 - dropout)."""
        if not self._dropout:
            return None
        size = len(self._network.attention.projection)
        kept = self._random.random((size, rows), np.float32) >= self._dropout
        return np.asarray(kept / (1 - self._dropout), dtype=self._network.records.dtype)
