"""Embeddings and hidden layers as numbers: outputs for rows, and gradients for a batch.

    y(x) = b + f(v_1 x_1 ‖ … ‖ v_F x_F)                                        multilayer perceptron
    y(x) = b + f(v_1 x_1 ‖ … ‖ v_F x_F) + Σ w_i x_i + Σ_{i<j} ⟨v_i, v_j⟩ x_i x_j       DeepFM

f is a chain of layers max(0, W h + c) with a weighted sum at its end; ‖ puts the embeddings of a row's fields
beside each other. The products are BLAS's (docs/adr/0033-deep-models-in-numpy.md),
the rest is deep_embeddings.py's.
"""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from confide.algorithms.base import Batch, Floats, Integers
from confide.algorithms.deep_embeddings import Embedded
from confide.algorithms.losses import OutputLoss
from confide.data.ordered_pool import map_in_order

GROUP_ROWS = 1 << 9
"""Scored at a time by each thread: what they become fits the cache."""


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

        def score(start: int) -> Floats:
            rows = slice(start, start + GROUP_ROWS)
            return Forward.through(self, indices[rows], values[rows]).outputs

        # One thread of BLAS, as in training: a group's sums are the same whoever works beside it.
        with threadpool_limits(limits=1, user_api="blas"):
            groups = list(map_in_order(score, range(0, len(indices), GROUP_ROWS)))
        return np.concatenate([np.empty(0, self.records.dtype), *groups])

    def dense(self) -> list[Floats]:
        """The arrays that every row touches, in a fixed order."""
        layers = [array for layer in self.layers for array in (layer.weight, layer.bias)]
        return [self.bias, self.output, *layers]

    def learned(self) -> list[Floats]:
        """All arrays."""
        return [self.records, *self.dense()]

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
    """What rows make of the network's numbers, kept for the way back."""

    embedded: Embedded
    hidden: list[Floats]
    """Inputs of each layer, and last what comes out of the last one."""
    outputs: Floats
    """(n,)"""

    @classmethod
    def through(
        cls,
        network: DeepNetwork,
        indices: Integers,
        values: Floats,
        kept: list[Floats] | None = None,
        target: Floats | None = None,
    ) -> "Forward":
        """`kept`: of each layer the scaled dropout mask (n, units); `target`: for embeddings, (n, F * K)."""
        embedded = Embedded.of(network.records, indices, values, network.size, target)
        hidden = [embedded.rows]
        for number, layer in enumerate(network.layers):
            units = hidden[-1] @ layer.weight.T
            units += layer.bias
            np.maximum(units, 0, out=units)
            hidden.append(units if kept is None else units * kept[number])
        outputs = hidden[-1] @ network.output + network.bias + embedded.added
        return cls(embedded, hidden, outputs)


@dataclass(slots=True)
class DeepGradient:
    """Of rows' summed loss."""

    loss: float
    embedded: Floats
    """(n, F * K): of the embeddings times the values."""
    slopes: Floats
    """(n,): of the outputs; times the values those of the linear weights."""
    dense: list[Floats]
    """In the order of DeepNetwork.dense."""


def gradient(
    network: DeepNetwork,
    loss: OutputLoss,
    batch: Batch,
    kept: list[Floats] | None = None,
    places: tuple[Floats | None, Floats | None] = (None, None),
) -> DeepGradient:
    """Loss and gradient of rows, by hand: a chain of layers has a short closed form.

    `places`: arrays (n, F * K) for the embeddings and for their slopes, instead of new ones.
    """
    dtype = network.records.dtype
    values, labels = batch.values.astype(dtype, copy=False), batch.labels.astype(dtype, copy=False)
    forward = Forward.through(network, batch.indices, values, kept, places[0])
    slopes = loss.derivative(forward.outputs, labels)
    dense, back = [], slopes[:, None] * network.output
    for number in reversed(range(len(network.layers))):
        back *= forward.hidden[number + 1] > 0
        if kept is not None:
            back *= kept[number]
        dense += [back.sum(axis=0), back.T @ forward.hidden[number]]
        back = np.matmul(back, network.layers[number].weight, out=None if number else places[1])
    forward.embedded.add_pair_slopes(slopes, back)
    ends = [slopes.sum(keepdims=True), forward.hidden[-1].T @ slopes]
    return DeepGradient(loss.total(forward.outputs, labels), back, slopes, ends + dense[::-1])
