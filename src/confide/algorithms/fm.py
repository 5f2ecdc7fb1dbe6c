"""Factorization machine of order two (Rendle 2010, ICDM).

    y(x) = w0 + Σ w_i x_i + Σ_{i<j} ⟨v_i, v_j⟩ x_i x_j

AFM without its attention: the measure of what the attention adds. Dropout is on the sum of v_i ∘ v_j x_i x_j
over the pairs, before its numbers are added up.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

import msgspec
import numpy as np

from confide.algorithms import parameters as p
from confide.algorithms import training
from confide.algorithms.base import Floats, checked_arrays
from confide.algorithms.engine.learner import FastLearner
from confide.algorithms.engine.library import Kind
from confide.algorithms.engine.network import Engine, FastNetwork, Shape, Step
from confide.algorithms.fm_network import FmNetwork, FmTrainer
from confide.algorithms.network_estimator import AnyNetwork, EngineChoice, NetworkEstimator
from confide.algorithms.start import draw_embeddings


class FmParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """As those of AFM, where they apply."""

    embedding_size: p.EmbeddingSize = 8
    epochs: p.Epochs = 3
    batch_size: p.BatchSize = 256
    learning_rate: p.LearningRate = 0.05
    accumulator_start: p.AccumulatorStart = 0.1
    embedding_deviation: p.EmbeddingDeviation = 0.02
    dropout: Annotated[
        float, msgspec.Meta(ge=0, le=0.95, description="share of the pooled interaction left out in training")
    ] = 0.0
    loss: p.Loss = "logistic"
    patience: p.Patience = 0
    seed: p.Seed = 0
    precision: p.Precision = "float32"


class Fm(NetworkEstimator):
    """The estimator; see the module for the model."""

    name = "fm"
    title = "Factorization machine of order two"
    version = "1"
    Parameters: ClassVar[type[msgspec.Struct]] = FmParameters
    sources = ("fm.py", "fm_network.py", *p.COMMON_SOURCES)

    def __init__(self, parameters: FmParameters, engine: EngineChoice = "fastest") -> None:
        super().__init__(parameters, engine)

    @classmethod
    def from_arrays(
        cls, parameters: FmParameters, arrays: Mapping[str, Floats], engine: EngineChoice = "fastest"
    ) -> Self:
        estimator = cls(parameters, engine)
        size = parameters.embedding_size
        shapes = {"bias": (1,), "embeddings": (None, size), "linear": (None,)}
        given = checked_arrays(arrays, shapes, np.dtype(parameters.precision))
        chosen = estimator._engine()
        if chosen is None:
            records = np.column_stack((given["embeddings"], given["linear"]))
            estimator._network = FmNetwork(records, given["bias"].copy())
        else:
            estimator._network = FastNetwork.from_arrays(Shape(Kind.FM, size, 0), given, chosen)
        return estimator

    def _shape(self) -> Shape:
        return Shape(Kind.FM, self._parameters.embedding_size, 0)

    def _numbers_per_feature(self) -> int:
        size: int = self._parameters.embedding_size
        return size + 1

    def _fresh(
        self, feature_count: int, bias: float
    ) -> tuple[AnyNetwork, training.Learner | training.RowsLearner, int]:
        parameters: FmParameters = self._parameters
        starts, order, noise = np.random.SeedSequence(parameters.seed).generate_state(3, np.uint64)
        engine = self._engine()
        if engine is not None:
            fast = fresh_fast_network(parameters, feature_count, bias, int(starts), engine)
            step = Step(parameters.learning_rate, parameters.loss, parameters.dropout)
            return fast, FastLearner(fast, step, seed=int(noise)), int(order)
        network = fresh_network(parameters, feature_count, bias, int(starts))
        learner = FmTrainer(
            network,
            self._loss,
            rate=parameters.learning_rate,
            accumulator_start=parameters.accumulator_start,
            dropout=parameters.dropout,
            seed=int(noise),
        )
        return network, learner, int(order)


def fresh_network(parameters: FmParameters, feature_count: int, bias: float, seed: int) -> FmNetwork:
    """Start values (start.py), for NumPy."""
    dtype, size = np.dtype(parameters.precision), parameters.embedding_size
    records = np.zeros((feature_count, size + 1), dtype)
    random = np.random.Generator(np.random.PCG64(seed))
    draw_embeddings(random, records[:, :size], parameters.embedding_deviation)
    return FmNetwork(records, np.full(1, bias, dtype))


def fresh_fast_network(
    parameters: FmParameters, feature_count: int, bias: float, seed: int, engine: Engine
) -> FastNetwork:
    """The same start values for the compiled core."""
    shape = Shape(Kind.FM, parameters.embedding_size, 0)
    network = FastNetwork.fresh(shape, feature_count, engine, accumulator_start=parameters.accumulator_start)
    random = np.random.Generator(np.random.PCG64(seed))
    draw_embeddings(random, network.embeddings, parameters.embedding_deviation)
    network.parts()["bias"][...] = bias
    return network
