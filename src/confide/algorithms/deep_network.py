"""Embeddings and hidden layers as numbers, in NumPy: outputs for rows, gradients for a batch, one update.

    y(x) = b + f(v_1 x_1 ‖ … ‖ v_F x_F)                                        multilayer perceptron
    y(x) = b + f(v_1 x_1 ‖ … ‖ v_F x_F) + Σ w_i x_i + Σ_{i<j} ⟨v_i, v_j⟩ x_i x_j       DeepFM

f is a chain of layers max(0, W h + c) with a weighted sum at its end; ‖ puts the embeddings of a row's fields
beside each other. The products are BLAS's (docs/adr/0033-deep-models-in-numpy.md).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from confide.algorithms.adagrad import Adagrad, sum_by_row
from confide.algorithms.base import Batch, Floats, Integers
from confide.algorithms.fm_network import pooled
from confide.algorithms.losses import OutputLoss

GROUP_ROWS = 1 << 9
"""Scored at a time by each thread: what they become fits the cache."""


def threads() -> int:
    """How many score at once."""
    return len(os.sched_getaffinity(0))


@dataclass(slots=True)
class Layer:
    """max(0, W h + c)."""

    weight: Floats
    """W, (units, inputs)."""
    bias: Floats
    """c, (units,)."""


@dataclass(slots=True)
class DeepNetwork:
    """All learned numbers, of one dtype."""

    records: Floats
    """(features, K + 1): embedding, linear weight; (features, K) where there is no linear part."""
    bias: Floats
    """b, (1,)."""
    layers: list[Layer]
    output: Floats
    """(units,): weights of the last layer's units."""
    factors: bool
    """Whether linear part and pairs are added (DeepFM)."""

    @property
    def feature_count(self) -> int:
        """Size of the index space."""
        return len(self.records)

    @property
    def size(self) -> int:
        """K."""
        return int(self.records.shape[1]) - self.factors

    def outputs(self, indices: Integers, values: Floats) -> Floats:
        """(n,) raw outputs, before the loss turns them into predictions."""
        result = np.empty(len(indices), self.records.dtype)

        def score(start: int) -> None:
            rows = slice(start, start + GROUP_ROWS)
            result[rows] = Forward.through(self, indices[rows], values[rows]).outputs

        # One thread of BLAS, as in training: a group's sums are the same whoever works beside it.
        with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(threads()) as pool:
            for _ in pool.map(score, range(0, len(indices), GROUP_ROWS)):
                pass  # an error is raised here
        return result

    def dense(self) -> list[Floats]:
        """The arrays that every row touches, in a fixed order."""
        layers = [array for layer in self.layers for array in (layer.weight, layer.bias)]
        return [self.bias, self.output, *layers]

    def arrays(self) -> dict[str, Floats]:
        """Copies by name, as the model file holds them."""
        return {name: view.copy() for name, view in self.views().items()}

    def views(self) -> dict[str, Floats]:
        """The same numbers, where they are."""
        found = {"bias": self.bias, "embeddings": self.records[:, : self.size], "output": self.output}
        for number, layer in enumerate(self.layers):
            found[f"layer{number}.bias"], found[f"layer{number}.weight"] = layer.bias, layer.weight
        if self.factors:
            found["linear"] = self.records[:, -1]
        return found


@dataclass(slots=True)
class Forward:
    """What a batch makes of the network's numbers, kept for the way back."""

    scaled: Floats
    """(n, F, K or K + 1): each row's records times its values."""
    hidden: list[Floats]
    """Inputs of each layer, and last what comes out of the last one."""
    outputs: Floats
    """(n,)"""

    @classmethod
    def through(
        cls, network: DeepNetwork, indices: Integers, values: Floats, kept: list[Floats] | None = None
    ) -> "Forward":
        """`kept`: of each layer the scaled dropout mask (n, units)."""
        scaled: Floats = np.take(network.records, indices, axis=0)
        scaled *= values[..., None]
        embedded = scaled[..., : network.size]
        hidden = [embedded.reshape(len(indices), -1)]
        for number, layer in enumerate(network.layers):
            units = np.maximum(hidden[-1] @ layer.weight.T + layer.bias, 0)
            hidden.append(units if kept is None else units * kept[number])
        outputs = hidden[-1] @ network.output + network.bias
        if network.factors:
            outputs += pooled(embedded).sum(axis=1) + scaled[..., -1].sum(axis=1)
        return cls(scaled, hidden, outputs)


@dataclass(slots=True)
class DeepGradient:
    """Of a batch's summed loss."""

    loss: float
    records: Floats
    """(n, F, K or K + 1): of each row's records."""
    dense: list[Floats]
    """In the order of DeepNetwork.dense."""


def gradient(
    network: DeepNetwork, loss: OutputLoss, batch: Batch, kept: list[Floats] | None = None
) -> DeepGradient:
    """Loss and gradient of a batch, by hand: a chain of layers has a short closed form."""
    dtype, size = network.records.dtype, network.size
    values, labels = batch.values.astype(dtype, copy=False), batch.labels.astype(dtype, copy=False)
    forward = Forward.through(network, batch.indices, values, kept)
    slope = loss.derivative(forward.outputs, labels)
    dense, back = [], slope[:, None] * network.output
    for number in reversed(range(len(network.layers))):
        back = np.where(forward.hidden[number + 1] > 0, back, 0)
        if kept is not None:
            back *= kept[number]
        dense += [back.sum(axis=0), back.T @ forward.hidden[number]]
        back = back @ network.layers[number].weight
    records = np.empty_like(forward.scaled)
    records[..., :size] = back.reshape(*batch.indices.shape, size)
    if network.factors:
        embedded = forward.scaled[..., :size]
        records[..., :size] += slope[:, None, None] * (embedded.sum(axis=1, keepdims=True) - embedded)
        records[..., -1] = slope[:, None]
    records *= values[..., None]
    ends = [slope.sum(keepdims=True), forward.hidden[-1].T @ slope]
    return DeepGradient(loss.total(forward.outputs, labels), records, ends + dense[::-1])


class DeepTrainer:
    """Learns batches: training.Learner over a network."""

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
    ) -> None:
        self._network = network
        self._loss = loss
        self._dropout = dropout
        self._l2 = network.records.dtype.type(l2)
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._records = Adagrad(network.records, rate=rate, start=accumulator_start)
        self._dense = [Adagrad(array, rate=rate, start=accumulator_start) for array in network.dense()]

    def learn(self, batch: Batch) -> float:
        """One Adagrad step on the batch's summed loss and each layer's λ‖W‖²; returns the loss before it."""
        network = self._network
        step = gradient(network, self._loss, batch, self._masks(len(batch)))
        for optimiser, part, array in zip(self._dense, step.dense, network.dense(), strict=True):
            # Weights have two axes, biases and the output one.
            decay = 2 * self._l2 * array if self._l2 and array.ndim > 1 else 0
            optimiser.update(part + decay)
        width = step.records.shape[-1]
        contributions = step.records.reshape(-1, width).T
        self._records.update_rows(*sum_by_row(batch.indices.reshape(-1), contributions))
        return step.loss

    def predict(self, indices: Integers, values: Floats) -> Floats:
        """(n,) predictions, without dropout."""
        return self._loss.predictions(self._network.outputs(indices, values))

    def snapshot(self) -> list[Floats]:
        """Copies of the learned numbers, without the accumulators."""
        return [array.copy() for array in (self._network.records, *self._network.dense())]

    def restore(self, snapshot: list[Floats]) -> None:
        """Back to a snapshot."""
        for array, saved in zip((self._network.records, *self._network.dense()), snapshot, strict=True):
            array[...] = saved

    def _masks(self, rows: int) -> list[Floats] | None:
        """Per layer (n, units): 0 with the probability of dropout, else 1 / (1 - dropout)."""
        if not self._dropout:
            return None
        dtype = self._network.records.dtype
        shapes = [(rows, len(layer.bias)) for layer in self._network.layers]
        draws = (self._random.random(shape, np.float32) >= self._dropout for shape in shapes)
        return [np.asarray(draw / (1 - self._dropout), dtype) for draw in draws]
