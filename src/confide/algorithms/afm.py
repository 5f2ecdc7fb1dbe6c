"""Attentional factorization machine (Xiao, Ye, He, Zhang, Wu, Chua 2017, IJCAI, arXiv:1708.04617).

    y(x) = w0 + Σ w_i x_i + pᵀ Σ_{i<j} a_ij (v_i ∘ v_j) x_i x_j

NumPy reference: embeddings and linear weights in one record per feature, closed-form gradients
(afm_attention.py), sparse Adagrad on the records, dense Adagrad on the rest.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Self

import msgspec
import numpy as np
import numpy.typing as npt

from confide.algorithms import losses, training
from confide.algorithms import parameters as p
from confide.algorithms.afm_attention import AttentionWeights
from confide.algorithms.afm_network import Network, Trainer
from confide.algorithms.base import (
    Batch,
    Estimator,
    Floats,
    Integers,
    TrainingProgress,
    check_encoded,
    check_training,
)
from confide.core.errors import WorkFailed


class AfmParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Defaults were chosen on held-out rows (docs/explanation/afm.md)."""

    embedding_size: Annotated[int, msgspec.Meta(ge=1, le=256, description="K, numbers per feature")] = 8
    attention_size: Annotated[int, msgspec.Meta(ge=1, le=256, description="T, attention units")] = 8
    epochs: p.Epochs = 3
    batch_size: p.BatchSize = 256
    learning_rate: p.LearningRate = 0.05
    accumulator_start: p.AccumulatorStart = 0.1
    embedding_deviation: Annotated[
        float, msgspec.Meta(gt=0, le=10, description="of the embeddings' normal start values")
    ] = 0.1
    interaction_scale: Annotated[
        float, msgspec.Meta(gt=0, le=1_000, description="start value of every component of p")
    ] = 10.0
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


class Afm(Estimator):
    """The estimator; see the module for the model."""

    name = "afm"
    version = "1"
    Parameters: ClassVar[type[msgspec.Struct]] = AfmParameters
    sources = ("afm.py", "afm_attention.py", "afm_network.py", *p.COMMON_SOURCES)

    def __init__(self, parameters: AfmParameters) -> None:
        self._parameters = parameters
        self._loss = losses.LOSSES[parameters.loss]
        self._network: Network | None = None
        self._fields: int | None = None
        """Known after `fit`; a loaded model takes what its encoding gives it."""

    def fit(
        self,
        indices: Integers,
        values: Floats,
        labels: Floats,
        *,
        holdout: Batch | None = None,
        feature_count: int,
    ) -> Iterator[TrainingProgress]:
        parameters, binary = self._parameters, self._loss.binary
        data = Batch(indices, values, labels)
        width = parameters.embedding_size + 1
        check_training(data, holdout, feature_count=feature_count, numbers_per_feature=width, binary=binary)
        starts, order, noise = np.random.SeedSequence(parameters.seed).generate_state(3, np.uint64)
        self._fields = indices.shape[1]
        self._network = fresh_network(parameters, feature_count, self._loss.start(labels), int(starts))
        schedule = training.Schedule(
            epochs=parameters.epochs,
            batch_size=parameters.batch_size,
            patience=parameters.patience,
            seed=int(order),
            binary=binary,
        )
        learner = Trainer(
            self._network,
            self._loss,
            rate=parameters.learning_rate,
            accumulator_start=parameters.accumulator_start,
            dropout=parameters.dropout,
            attention_l2=parameters.attention_l2,
            seed=int(noise),
        )
        yield from training.train(learner, data, holdout, schedule)

    def predict(self, indices: Integers, values: Floats) -> npt.NDArray[np.float32]:
        network = self._trained()
        check_encoded(indices, values, fields=self._fields, feature_count=self.feature_count)
        return self._loss.predictions(network.outputs(indices, values)).astype(np.float32)

    @property
    def feature_count(self) -> int:
        return len(self._trained().records)

    def arrays(self) -> dict[str, Floats]:
        return self._trained().arrays()

    @classmethod
    def from_arrays(cls, parameters: AfmParameters, arrays: Mapping[str, Floats]) -> Self:
        estimator = cls(parameters)
        estimator._network = Network.from_arrays(
            arrays,
            embedding_size=parameters.embedding_size,
            attention_size=parameters.attention_size,
            dtype=np.dtype(parameters.precision),
        )
        return estimator

    def _trained(self) -> Network:
        if self._network is None:
            raise WorkFailed("the model has not been trained")
        return self._network


def fresh_network(parameters: AfmParameters, feature_count: int, bias: float, seed: int) -> Network:
    """Start values: v ~ N(0, deviation²), h ~ N(0, 1), W ~ Glorot normal, w = b = 0, w0 = the best constant.

    p starts at `interaction_scale`: softmax averages over all pairs, so from 1 the pairwise signal would
    start far too small.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    dtype = np.dtype(parameters.precision)
    size, units = parameters.embedding_size, parameters.attention_size
    records = np.zeros((feature_count, size + 1), dtype)
    records[:, :size] = random.standard_normal((feature_count, size), np.float32)
    records[:, :size] *= parameters.embedding_deviation
    weight = random.standard_normal((units, size)) * np.sqrt(2 / (units + size))
    attention = AttentionWeights(
        weight=weight.astype(dtype),
        bias=np.zeros(units, dtype),
        output=random.standard_normal(units).astype(dtype),
        projection=np.full(size, parameters.interaction_scale, dtype),
    )
    return Network(records, np.full(1, bias, dtype), attention)
