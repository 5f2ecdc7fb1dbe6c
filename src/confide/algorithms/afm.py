"""Attentional factorization machine (Xiao, Ye, He, Zhang, Wu, Chua 2017, IJCAI, arXiv:1708.04617).

    y(x) = w0 + Σ w_i x_i + pᵀ Σ_{i<j} a_ij (v_i ∘ v_j) x_i x_j

Closed-form gradients (afm_attention.py), sparse Adagrad on the features' records, dense Adagrad on the rest:
in the compiled core (engine/), or in NumPy (afm_network.py), which is the reference.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

import msgspec
import numpy as np

from confide.algorithms import parameters as p
from confide.algorithms import training
from confide.algorithms.afm_attention import AttentionWeights
from confide.algorithms.afm_network import Network, Trainer
from confide.algorithms.base import Floats, checked_arrays
from confide.algorithms.engine.learner import FastLearner
from confide.algorithms.engine.library import Kind
from confide.algorithms.engine.network import Engine, FastNetwork, Shape, Step
from confide.algorithms.network_estimator import AnyNetwork, EngineChoice, NetworkEstimator
from confide.algorithms.start import draw_attention, draw_embeddings


class AfmParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Defaults were chosen on held-out rows (docs/explanation/afm.md)."""

    embedding_size: p.EmbeddingSize = 8
    attention_size: Annotated[int, msgspec.Meta(ge=1, le=256, description="T, attention units")] = 8
    epochs: p.Epochs = 3
    batch_size: p.BatchSize = 256
    learning_rate: p.LearningRate = 0.05
    accumulator_start: p.AccumulatorStart = 0.1
    embedding_deviation: p.EmbeddingDeviation = 0.1
    interaction_scale: Annotated[
        float, msgspec.Meta(gt=0, le=1_000, description="start value of every component of p")
    ] = 30.0
    dropout: Annotated[
        float, msgspec.Meta(ge=0, le=0.95, description="share of the pooled interaction left out in training")
    ] = 0.0
    attention_l2: Annotated[
        float, msgspec.Meta(ge=0, le=1_000, description="λ of λ‖W‖², added to each batch's summed loss")
    ] = 0.0
    loss: p.Loss = "logistic"
    patience: p.Patience = 0
    seed: p.Seed = 0
    precision: p.Precision = "float32"


class Afm(NetworkEstimator):
    """The estimator; see the module for the model."""

    name = "afm"
    title = "Attentional factorization machine"
    version = "1"
    Parameters: ClassVar[type[msgspec.Struct]] = AfmParameters
    sources = ("afm.py", "afm_attention.py", "afm_network.py", *p.COMMON_SOURCES)

    def __init__(self, parameters: AfmParameters, engine: EngineChoice = "fastest") -> None:
        super().__init__(parameters, engine)

    @classmethod
    def from_arrays(
        cls, parameters: AfmParameters, arrays: Mapping[str, Floats], engine: EngineChoice = "fastest"
    ) -> Self:
        estimator = cls(parameters, engine)
        chosen = estimator._engine()
        size, units, dtype = (
            parameters.embedding_size,
            parameters.attention_size,
            np.dtype(parameters.precision),
        )
        if chosen is None:
            estimator._network = Network.from_arrays(
                arrays, embedding_size=size, attention_size=units, dtype=dtype
            )
        else:
            given = checked_arrays(arrays, Network.shapes(size, units), dtype)
            estimator._network = FastNetwork.from_arrays(Shape(Kind.AFM, size, units), given, chosen)
        return estimator

    def _shape(self) -> Shape:
        return Shape(Kind.AFM, self._parameters.embedding_size, self._parameters.attention_size)

    def _numbers_per_feature(self) -> int:
        size: int = self._parameters.embedding_size
        return size + 1

    def _fresh(
        self, feature_count: int, bias: float
    ) -> tuple[AnyNetwork, training.Learner | training.RowsLearner, int]:
        parameters: AfmParameters = self._parameters
        starts, order, noise = np.random.SeedSequence(parameters.seed).generate_state(3, np.uint64)
        engine = self._engine()
        if engine is not None:
            fast = fresh_fast_network(parameters, feature_count, bias, int(starts), engine)
            return fast, FastLearner(fast, step_of(parameters), seed=int(noise)), int(order)
        network = fresh_network(parameters, feature_count, bias, int(starts))
        learner = Trainer(
            network,
            self._loss,
            rate=parameters.learning_rate,
            accumulator_start=parameters.accumulator_start,
            dropout=parameters.dropout,
            attention_l2=parameters.attention_l2,
            seed=int(noise),
        )
        return network, learner, int(order)


def step_of(parameters: AfmParameters) -> Step:
    """What the core needs to know of them for an update."""
    return Step(
        rate=parameters.learning_rate,
        loss=parameters.loss,
        dropout=parameters.dropout,
        attention_l2=parameters.attention_l2,
    )


def fresh_network(parameters: AfmParameters, feature_count: int, bias: float, seed: int) -> Network:
    """Start values (start.py), for NumPy."""
    random = np.random.Generator(np.random.PCG64(seed))
    dtype = np.dtype(parameters.precision)
    size, units = parameters.embedding_size, parameters.attention_size
    records = np.zeros((feature_count, size + 1), dtype)
    draw_embeddings(random, records[:, :size], parameters.embedding_deviation)
    weight, output = draw_attention(random, units, size)
    attention = AttentionWeights(
        weight=weight.astype(dtype),
        bias=np.zeros(units, dtype),
        output=output.astype(dtype),
        projection=np.full(size, parameters.interaction_scale, dtype),
    )
    return Network(records, np.full(1, bias, dtype), attention)


def fresh_fast_network(
    parameters: AfmParameters, feature_count: int, bias: float, seed: int, engine: Engine
) -> FastNetwork:
    """The same start values for the compiled core."""
    random = np.random.Generator(np.random.PCG64(seed))
    shape = Shape(Kind.AFM, parameters.embedding_size, parameters.attention_size)
    network = FastNetwork.fresh(shape, feature_count, engine, accumulator_start=parameters.accumulator_start)
    draw_embeddings(random, network.embeddings, parameters.embedding_deviation)
    weight, output = draw_attention(random, shape.units, shape.size)
    parts = network.parts()
    parts["bias"][...] = bias
    parts["attention.weight"][...] = weight
    parts["attention.output"][...] = output
    parts["projection"][...] = parameters.interaction_scale
    return network
