"""The generalised linear model: y(x) = w0 + Σ w_i x_i.

With the logistic loss it is logistic regression, with the squared one linear regression. It is the measure
of what interactions add: AFM without its pairs.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec
import numpy as np

from confide.algorithms import losses, training
from confide.algorithms import parameters as p
from confide.algorithms.adagrad import Adagrad, sum_by_row
from confide.algorithms.base import Batch, Floats, Integers, checked_arrays
from confide.algorithms.engine.learner import FastLearner
from confide.algorithms.engine.library import Kind
from confide.algorithms.engine.network import FastNetwork, Shape, Step
from confide.algorithms.network_estimator import AnyNetwork, EngineChoice, NetworkEstimator

SHAPE = Shape(Kind.LINEAR, 0, 0)


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


class Linear(NetworkEstimator):
    """The estimator; see the module for the model."""

    name = "linear"
    title = "Logistic regression (loss logistic), linear regression (loss squared)"
    version = "1"
    Parameters: ClassVar[type[msgspec.Struct]] = LinearParameters
    sources = ("linear.py", *p.COMMON_SOURCES)

    def __init__(self, parameters: LinearParameters, engine: EngineChoice = "fastest") -> None:
        super().__init__(parameters, engine)

    @classmethod
    def from_arrays(
        cls, parameters: LinearParameters, arrays: Mapping[str, Floats], engine: EngineChoice = "fastest"
    ) -> Self:
        estimator = cls(parameters, engine)
        given = checked_arrays(arrays, {"bias": (1,), "linear": (None,)}, np.dtype(parameters.precision))
        chosen = estimator._engine()
        if chosen is None:
            estimator._network = estimator._trainer(given["linear"][:, None].copy(), given["bias"].copy())
        else:
            estimator._network = FastNetwork.from_arrays(SHAPE, given, chosen)
        return estimator

    def _shape(self) -> Shape:
        return SHAPE

    def _numbers_per_feature(self) -> int:
        return 1

    def _fresh(
        self, feature_count: int, bias: float
    ) -> tuple[AnyNetwork, training.Learner | training.RowsLearner, int]:
        parameters: LinearParameters = self._parameters
        engine = self._engine()
        if engine is not None:
            fast = FastNetwork.fresh(
                SHAPE, feature_count, engine, accumulator_start=parameters.accumulator_start
            )
            fast.parts()["bias"][...] = bias
            step = Step(rate=parameters.learning_rate, loss=parameters.loss)
            return fast, FastLearner(fast, step, seed=0), parameters.seed
        dtype = np.dtype(parameters.precision)
        trainer = self._trainer(np.zeros((feature_count, 1), dtype), np.full(1, bias, dtype))
        return trainer, trainer, parameters.seed

    def _trainer(self, weights: Floats, bias: Floats) -> "LinearTrainer":
        parameters: LinearParameters = self._parameters
        return LinearTrainer(
            weights,
            bias,
            self._loss,
            rate=parameters.learning_rate,
            accumulator_start=parameters.accumulator_start,
        )


class LinearTrainer:
    """The reference: training.Learner over (features, 1) weights and a (1,) bias."""

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
        outputs = self.outputs(batch.indices, batch.values)
        slope = self._loss.derivative(outputs, labels)
        contributions = (slope[:, None] * batch.values).astype(self.bias.dtype, copy=False)
        self._by_row.update_rows(*sum_by_row(batch.indices.reshape(-1), contributions.reshape(1, -1)))
        self._by_bias.update(slope.sum(keepdims=True))
        return self._loss.total(outputs, labels)

    def predict(self, indices: Integers, values: Floats) -> Floats:
        """(n,) predictions."""
        return self._loss.predictions(self.outputs(indices, values))

    def snapshot(self) -> tuple[Floats, Floats]:
        """Copies of the learned numbers, without the accumulators."""
        return self.weights.copy(), self.bias.copy()

    def restore(self, snapshot: tuple[Floats, Floats]) -> None:
        """Back to a snapshot."""
        self.weights[...], self.bias[...] = snapshot

    @property
    def feature_count(self) -> int:
        """Size of the index space."""
        return len(self.weights)

    def arrays(self) -> dict[str, Floats]:
        """Copies by name, as the model file holds them."""
        return {name: view.copy() for name, view in self.views().items()}

    def views(self) -> dict[str, Floats]:
        """The same numbers, where they are."""
        return {"bias": self.bias, "linear": self.weights[:, 0]}

    def outputs(self, indices: Integers, values: Floats) -> Floats:
        """(n,) raw outputs, before the loss turns them into predictions."""
        products = np.take(self.weights[:, 0], indices) * values.astype(self.bias.dtype, copy=False)
        outputs: Floats = products.sum(axis=1) + self.bias
        return outputs
