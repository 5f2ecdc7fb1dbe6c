"""The generalised linear model: y(x) = w0 + Σ w_i x_i.

With the logistic loss it is logistic regression, with the squared one linear regression. It is the measure
of what interactions add: AFM without its pairs.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

import msgspec
import numpy as np
import numpy.typing as npt

from confide.algorithms import losses, training
from confide.algorithms import parameters as p
from confide.algorithms.adagrad import Adagrad, sum_by_row
from confide.algorithms.base import (
    Batch,
    Estimator,
    Floats,
    Integers,
    TrainingProgress,
    check_encoded,
    check_training,
    checked_arrays,
)
from confide.core.errors import WorkFailed


class LinearParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """As those of AFM, where they apply."""

    epochs: p.Epochs = 3
    batch_size: p.BatchSize = 256
    learning_rate: p.LearningRate = 0.05
    accumulator_start: p.AccumulatorStart = 0.1
    loss: p.Loss = "logistic"
    patience: p.Patience = 0
    seed: p.Seed = 0
    precision: p.Precision = "float32"


class Linear(Estimator):
    """The estimator; see the module for the model."""

    name = "linear"
    version = "1"
    Parameters: ClassVar[type[msgspec.Struct]] = LinearParameters
    sources = ("linear.py", *p.COMMON_SOURCES)

    def __init__(self, parameters: LinearParameters) -> None:
        self._parameters = parameters
        self._loss = losses.LOSSES[parameters.loss]
        self._trainer: LinearTrainer | None = None
        self._fields: int | None = None

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
        check_training(data, holdout, feature_count=feature_count, numbers_per_feature=1, binary=binary)
        dtype = np.dtype(parameters.precision)
        self._fields = indices.shape[1]
        self._trainer = LinearTrainer(
            np.zeros((feature_count, 1), dtype),
            np.full(1, self._loss.start(labels), dtype),
            self._loss,
            rate=parameters.learning_rate,
            accumulator_start=parameters.accumulator_start,
        )
        schedule = training.Schedule(
            epochs=parameters.epochs,
            batch_size=parameters.batch_size,
            patience=parameters.patience,
            seed=parameters.seed,
            binary=binary,
        )
        yield from training.train(self._trainer, data, holdout, schedule)

    def predict(self, indices: Integers, values: Floats) -> npt.NDArray[np.float32]:
        trainer = self._trained()
        check_encoded(indices, values, fields=self._fields, feature_count=self.feature_count)
        return trainer.predict(indices, values).astype(np.float32)

    @property
    def feature_count(self) -> int:
        return len(self._trained().weights)

    def arrays(self) -> dict[str, Floats]:
        trainer = self._trained()
        return {"bias": trainer.bias.copy(), "linear": trainer.weights[:, 0].copy()}

    @classmethod
    def from_arrays(cls, parameters: LinearParameters, arrays: Mapping[str, Floats]) -> Self:
        estimator = cls(parameters)
        given = checked_arrays(arrays, {"bias": (1,), "linear": (None,)}, np.dtype(parameters.precision))
        estimator._trainer = LinearTrainer(
            given["linear"][:, None].copy(),
            given["bias"].copy(),
            estimator._loss,
            rate=parameters.learning_rate,
            accumulator_start=parameters.accumulator_start,
        )
        return estimator

    def _trained(self) -> "LinearTrainer":
        if self._trainer is None:
            raise WorkFailed("the model has not been trained")
        return self._trainer


class LinearTrainer:
    """training.Learner over (features, 1) weights and a (1,) bias."""

    def __init__(
        self,
        weights: Floats,
        bias: Floats,
        loss: losses.OutputLoss,
        *,
        rate: float,
        accumulator_start: float,
    ) -> None:
        self.weights = weights
        self.bias = bias
        self._loss = loss
        self._by_row = Adagrad(weights, rate=rate, start=accumulator_start)
        self._by_bias = Adagrad(bias, rate=rate, start=accumulator_start)

    def learn(self, batch: Batch) -> float:
        """One Adagrad step on the batch's summed loss; returns the loss before it."""
        labels = batch.labels.astype(self.bias.dtype, copy=False)
        outputs = self._outputs(batch.indices, batch.values)
        slope = self._loss.derivative(outputs, labels)
        contributions = (slope[:, None] * batch.values).astype(self.bias.dtype, copy=False)
        self._by_row.update_rows(*sum_by_row(batch.indices.reshape(-1), contributions.reshape(1, -1)))
        self._by_bias.update(slope.sum(keepdims=True))
        return self._loss.total(outputs, labels)

    def predict(self, indices: Integers, values: Floats) -> Floats:
        """(n,) predictions."""
        return self._loss.predictions(self._outputs(indices, values))

    def snapshot(self) -> tuple[Floats, Floats]:
        """Copies of the learned numbers, without the accumulators."""
        return self.weights.copy(), self.bias.copy()

    def restore(self, snapshot: tuple[Floats, Floats]) -> None:
        """Back to a snapshot."""
        self.weights[...], self.bias[...] = snapshot

    def _outputs(self, indices: Integers, values: Floats) -> Floats:
        products = np.take(self.weights[:, 0], indices) * values.astype(self.bias.dtype, copy=False)
        outputs: Floats = products.sum(axis=1) + self.bias
        return outputs
