"""FM as numbers, in NumPy: outputs for rows, gradients for a batch, and one update. The core's reference.

With e_i = v_i x_i and s = Σ e_i, the sum over pairs of e_i ∘ e_j is (s ∘ s - Σ e_i ∘ e_i) / 2, and its slope
with respect to e_i is s - e_i (Rendle 2010, lemma 3.1).
"""

from dataclasses import dataclass

import numpy as np

from confide.algorithms.adagrad import Adagrad, sum_by_row
from confide.algorithms.base import Batch, Floats, Integers
from confide.algorithms.losses import OutputLoss
from confide.algorithms.network_learner import NetworkLearner

GROUP_ROWS = 1 << 14


@dataclass(slots=True)
class FmNetwork:
    """All learned numbers, of one dtype."""

    records: Floats
    """(features, K + 1): embedding, linear weight."""
    bias: Floats
    """w0, (1,)."""

    @property
    def feature_count(self) -> int:
        """Size of the index space."""
        return len(self.records)

    def outputs(self, indices: Integers, values: Floats) -> Floats:
        """(n,) raw outputs, before the loss turns them into predictions."""
        result = np.empty(len(indices), self.records.dtype)
        for start in range(0, len(indices), GROUP_ROWS):
            rows = slice(start, start + GROUP_ROWS)
            scaled = self.gather(indices[rows], values[rows])
            result[rows] = self.combine(scaled, pooled(scaled[..., :-1]))
        return result

    def gather(self, indices: Integers, values: Floats) -> Floats:
        """(n, F, K + 1): each row's records times its values."""
        scaled: Floats = np.take(self.records, indices, axis=0)
        scaled *= values[..., None]
        return scaled

    def combine(self, scaled: Floats, interaction: Floats) -> Floats:
        """(n,) raw outputs from gathered records and the pooled interaction (n, K)."""
        result: Floats = interaction.sum(axis=1) + scaled[..., -1].sum(axis=1) + self.bias
        return result

    def learned(self) -> list[Floats]:
        """All arrays, where they are."""
        return [self.records, self.bias]

    def arrays(self) -> dict[str, Floats]:
        """Copies by name, as the model file holds them."""
        return {name: view.copy() for name, view in self.views().items()}

    def views(self) -> dict[str, Floats]:
        """The same numbers, where they are."""
        return {"bias": self.bias, "embeddings": self.records[:, :-1], "linear": self.records[:, -1]}


def pooled(embedded: Floats) -> Floats:
    """(n, K) sums over pairs of the products of embedded rows (n, F, K)."""
    result: Floats = (embedded.sum(axis=1) ** 2 - (embedded**2).sum(axis=1)) / 2
    return result


@dataclass(slots=True)
class FmGradient:
    """Of a batch's summed loss."""

    loss: float
    records: Floats
    """(K + 1, F, n): of each row's records."""
    bias: Floats


def gradient(network: FmNetwork, loss: OutputLoss, batch: Batch, kept: Floats | None = None) -> FmGradient:
    """Loss and gradient of a batch; `kept` is the scaled dropout mask (K, n)."""
    dtype = network.records.dtype
    values, labels = batch.values.astype(dtype, copy=False), batch.labels.astype(dtype, copy=False)
    scaled = network.gather(batch.indices, values)
    embedded = scaled[..., :-1]
    mask = np.ones((), dtype) if kept is None else kept.T
    outputs = network.combine(scaled, pooled(embedded) * mask)
    slope = loss.derivative(outputs, labels)
    records = np.empty_like(scaled)
    records[..., :-1] = embedded.sum(axis=1, keepdims=True) - embedded
    records[..., :-1] *= (slope[:, None] * mask)[:, None, :]
    records[..., -1] = slope[:, None]
    records *= values[..., None]
    return FmGradient(loss.total(outputs, labels), records.transpose(2, 1, 0), slope.sum(keepdims=True))


class FmTrainer(NetworkLearner):
    """Learns batches: training.Learner over a network."""

    def __init__(
        self,
        network: FmNetwork,
        loss: OutputLoss,
        *,
        rate: float,
        accumulator_start: float,
        dropout: float,
        seed: int,
    ) -> None:
        super().__init__(network, loss)
        self._network = network
        self._dropout = dropout
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._records = Adagrad(network.records, rate=rate, start=accumulator_start)
        self._bias = Adagrad(network.bias, rate=rate, start=accumulator_start)

    def learn(self, batch: Batch) -> float:
        """One Adagrad step on the batch's summed loss; returns the loss before it."""
        step = gradient(self._network, self._loss, batch, self._mask(len(batch)))
        self._bias.update(step.bias)
        width = len(step.records)
        self._records.update_rows(*sum_by_row(batch.indices.T.reshape(-1), step.records.reshape(width, -1)))
        return step.loss

    def _mask(self, rows: int) -> Floats | None:
        """(K, n): 0 with the probability of dropout, else 1 / (1 - dropout)."""
        if not self._dropout:
            return None
        size = self._network.records.shape[1] - 1
        kept = self._random.random((size, rows), np.float32) >= self._dropout
        return np.asarray(kept / (1 - self._dropout), dtype=self._network.records.dtype)
