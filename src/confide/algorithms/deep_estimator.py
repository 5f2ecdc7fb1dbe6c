"""What DeepFM and the multilayer perceptron share: parameters, start values, and the way from a file."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Self

import msgspec
import numpy as np

from confide.algorithms import parameters as p
from confide.algorithms import training
from confide.algorithms.base import Floats, checked_arrays
from confide.algorithms.deep_network import GROUP_ROWS, DeepNetwork, Layer
from confide.algorithms.deep_trainer import SHARDS, DeepTrainer
from confide.algorithms.engine import embeddings as core
from confide.algorithms.network_estimator import AnyNetwork, LoopEstimator
from confide.algorithms.start import draw_embeddings
from confide.core.errors import ModelFileInvalid
from confide.data.ordered_pool import workers

SOURCES: Final = (
    "deep_embeddings.py",
    "deep_estimator.py",
    "deep_network.py",
    "deep_trainer.py",
    "fm_network.py",
    *p.COMMON_SOURCES,
)
_COPIES: Final = 3
_NUMPY_COPIES: Final = 10
"""Arrays as large as a batch's records that an update holds: with the core, and without."""


class DeepParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """As those of AFM, where they apply."""

    embedding_size: p.EmbeddingSize = 8
    hidden_units: Annotated[int, msgspec.Meta(ge=1, le=4096, description="of each hidden layer")] = 64
    hidden_layers: Annotated[int, msgspec.Meta(ge=1, le=8, description="how many there are")] = 2
    epochs: p.Epochs = 3
    batch_size: p.BatchSize = 256
    learning_rate: p.LearningRate = 0.05
    accumulator_start: p.AccumulatorStart = 0.1
    embedding_deviation: p.EmbeddingDeviation = 0.1
    dropout: Annotated[
        float, msgspec.Meta(ge=0, le=0.95, description="share of hidden units left out in training")
    ] = 0.0
    hidden_l2: Annotated[
        float, msgspec.Meta(ge=0, le=1_000, description="λ of λ‖W‖² of each layer, added to a batch's loss")
    ] = 0.0
    loss: p.Loss = "logistic"
    patience: p.Patience = 0
    seed: p.Seed = 0
    precision: p.Precision = "float32"


class DeepEstimator(LoopEstimator):
    """Subclasses say whether linear part and pairs are added."""

    Parameters: ClassVar[type[msgspec.Struct]] = DeepParameters
    factors: ClassVar[bool]

    def working_bytes(self, fields: int, *, rows: int = 0, features: int = 0) -> int:
        del rows
        parameters: DeepParameters = self._parameters
        dtype = np.dtype(parameters.precision)
        batch = max(parameters.batch_size, GROUP_ROWS * workers())
        of_row = (_COPIES if core.can(dtype) else _NUMPY_COPIES) * fields * self._numbers_per_feature()
        of_row += 4 * parameters.hidden_layers * parameters.hidden_units
        at_places = batch * fields * (core.PLACE_BYTES + dtype.itemsize) + features * core.FEATURE_BYTES
        return dtype.itemsize * (batch * of_row + (4 + SHARDS) * self._hidden_numbers(fields)) + at_places

    def _hidden_numbers(self, fields: int) -> int:
        parameters: DeepParameters = self._parameters
        units = parameters.hidden_units
        return units * (fields * parameters.embedding_size + (parameters.hidden_layers - 1) * units)

    def _numbers_per_feature(self) -> int:
        size: int = self._parameters.embedding_size
        return size + self.factors

    def _fresh(
        self, feature_count: int, bias: float
    ) -> tuple[AnyNetwork, training.Learner | training.RowsLearner, int]:
        parameters: DeepParameters = self._parameters
        starts, order, noise = np.random.SeedSequence(parameters.seed).generate_state(3, np.uint64)
        network = fresh_network(
            parameters, feature_count, self._fields or 0, bias, int(starts), factors=self.factors
        )
        learner = DeepTrainer(
            network,
            self._loss,
            rate=parameters.learning_rate,
            accumulator_start=parameters.accumulator_start,
            dropout=parameters.dropout,
            l2=parameters.hidden_l2,
            seed=int(noise),
        )
        return network, learner, int(order)

    @classmethod
    def from_arrays(cls, parameters: Any, arrays: Mapping[str, Floats]) -> Self:
        estimator = cls(parameters)
        estimator._fields = _fields_of(parameters, arrays)
        shapes = _shapes(parameters, estimator._fields, factors=cls.factors)
        given = checked_arrays(arrays, shapes, np.dtype(parameters.precision))
        records = given["embeddings"].copy()
        if cls.factors:
            records = np.column_stack((records, given["linear"]))
        layers = [
            Layer(given[f"layer{number}.weight"].copy(), given[f"layer{number}.bias"].copy())
            for number in range(parameters.hidden_layers)
        ]
        estimator._network = DeepNetwork(
            records, given["bias"].copy(), layers, given["output"].copy(), cls.factors
        )
        return estimator


def fresh_network(
    parameters: DeepParameters, feature_count: int, fields: int, bias: float, seed: int, *, factors: bool
) -> DeepNetwork:
    """Start values: v ~ N(0, deviation²), W ~ N(0, 2 / inputs) (He et al. 2015), output ~ N(0, 1 / units).

    Biases and the linear weights start at 0.
    """
    random, dtype = np.random.Generator(np.random.PCG64(seed)), np.dtype(parameters.precision)
    size, units = parameters.embedding_size, parameters.hidden_units
    records = np.zeros((feature_count, size + factors), dtype)
    draw_embeddings(random, records[:, :size], parameters.embedding_deviation)
    layers, inputs = [], fields * size
    for _ in range(parameters.hidden_layers):
        weight = random.standard_normal((units, inputs)) * np.sqrt(2 / inputs)
        layers.append(Layer(weight.astype(dtype), np.zeros(units, dtype)))
        inputs = units
    output = random.standard_normal(units) / np.sqrt(units)
    return DeepNetwork(records, np.full(1, bias, dtype), layers, output.astype(dtype), factors)


def _fields_of(parameters: DeepParameters, arrays: Mapping[str, Floats]) -> int:
    """How many fields the first layer reads. Raises ModelFileInvalid."""
    weight = arrays.get("layer0.weight")
    if weight is None or weight.ndim != 2 or weight.shape[1] % parameters.embedding_size:  # noqa: PLR2004
        raise ModelFileInvalid("the first layer does not fit the embeddings")
    return int(weight.shape[1]) // parameters.embedding_size


def _shapes(parameters: DeepParameters, fields: int, *, factors: bool) -> dict[str, tuple[int | None, ...]]:
    """Of the arrays by name; None is the number of features."""
    size, units = parameters.embedding_size, parameters.hidden_units
    found: dict[str, tuple[int | None, ...]] = {"bias": (1,), "embeddings": (None, size), "output": (units,)}
    if factors:
        found["linear"] = (None,)
    inputs = fields * size
    for number in range(parameters.hidden_layers):
        found[f"layer{number}.bias"], found[f"layer{number}.weight"] = (units,), (units, inputs)
        inputs = units
    return found
