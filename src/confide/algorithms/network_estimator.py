"""Estimators that are a network and a learner of it; of these, the ones that the compiled core knows.

`LoopEstimator`: one loop learns, one network scores. `NetworkEstimator`: AFM, FM and the linear model, in
NumPy or in the core.
"""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from confide.algorithms import losses, training, warm_start
from confide.algorithms.base import (
    Batch,
    Estimator,
    Floats,
    Integers,
    InTurn,
    Keeper,
    Shards,
    TrainingProgress,
    WarmStart,
    check_encoded,
    check_rows,
    check_size,
)
from confide.algorithms.engine.network import Engine, Shape, scratch_bytes
from confide.algorithms.shards import Checked, CheckedInTurn, count_rows
from confide.core.errors import WorkFailed

EngineChoice = Engine | Literal["fastest", "reference"]
"""What does the work: the core as given, the core at its best where it can, or NumPy."""


REFERENCE_GROUP_ROWS = 32
"""Of which NumPy holds all pairs at a time (afm_network.MIN_GROUP_ROWS)."""
_COPIES, _PAIR_COPIES = 6, 12
"""Arrays of that size that NumPy's updates hold, counted in afm_network.py and afm_attention.py."""


class AnyNetwork(Protocol):
    """All learned numbers, wherever they are kept."""

    @property
    def feature_count(self) -> int:
        """Size of the index space."""
        ...

    def outputs(self, indices: Integers, values: Floats) -> Floats:
        """(n,) raw outputs, before the loss turns them into predictions."""
        ...

    def arrays(self) -> dict[str, Floats]:
        """Copies by name, as the model file holds them."""
        ...

    def views(self) -> dict[str, Floats]:
        """The same numbers, where the network has them."""
        ...


class LoopEstimator(Estimator):
    """An estimator that is a network and a learner of it. Subclasses say which.

    Its parameters have `epochs`, `batch_size`, `patience`, `loss`, `precision` and `seed`.
    """

    shifts = weighs = True

    def __init__(self, parameters: Any) -> None:
        self._parameters = parameters
        self._loss = losses.LOSSES[parameters.loss]
        self._network: AnyNetwork | None = None
        self._fields: int | None = None
        """Known after `fit`; a loaded model takes what its encoding gives it."""

    def fit_shards(
        self,
        data: Shards,
        *,
        holdout: Shards | None = None,
        feature_count: int,
        start: WarmStart | None = None,
        keeper: Keeper | None = None,
    ) -> Iterator[TrainingProgress]:
        parameters, binary, fields = self._parameters, self._loss.binary, data.fields

        def check(batch: Batch) -> None:
            check_rows(batch, fields=fields, feature_count=feature_count, binary=binary)

        check_size(
            fields=fields, feature_count=feature_count, numbers_per_feature=self._numbers_per_feature()
        )
        coming = isinstance(data, InTurn)
        data = CheckedInTurn(data, check) if isinstance(data, InTurn) else Checked(data, check)
        holdout = None if holdout is None else Checked(holdout, check, at_once=not coming)
        if not count_rows(data):
            raise WorkFailed("no rows to learn from")
        yield from self._waiting(data)
        labels = data.first_labels() if isinstance(data, InTurn) else data.labels
        self._fields = fields
        self._network, learner, order = self._fresh(feature_count, self._loss.start(labels))
        if start is not None:
            warm_start.apply(start, self._network.views())
        schedule = training.Schedule(
            epochs=parameters.epochs,
            batch_size=parameters.batch_size,
            patience=parameters.patience,
            seed=order,
            binary=binary,
            positive_weight=self.positive_weight,
        )
        yield from training.train(learner, data, holdout, schedule, keeper)

    def _waiting(self, data: Shards) -> Iterator[TrainingProgress]:
        """Until the shard has come from which the model starts."""
        epochs = self._parameters.epochs
        nothing = TrainingProgress(epoch=1, epochs=epochs, step=0, steps=0, train_logloss=None)
        yield from training.waiting(data, 0, nothing)

    def predict(self, indices: Integers, values: Floats) -> npt.NDArray[np.float32]:
        network = self._trained()
        check_encoded(indices, values, fields=self._fields, feature_count=self.feature_count)
        return self._loss.predictions(network.outputs(indices, values)).astype(np.float32)

    def shift(self, logit: float) -> None:
        if not self._loss.binary:
            raise WorkFailed("predictions of the squared loss are no probabilities: they can't be corrected")
        self._trained().views()["bias"][...] += logit

    @property
    def feature_count(self) -> int:
        return self._trained().feature_count

    def arrays(self) -> dict[str, Floats]:
        return self._trained().arrays()

    @abstractmethod
    def _numbers_per_feature(self) -> int:
        """Learned numbers of one feature."""

    @abstractmethod
    def _fresh(
        self, feature_count: int, bias: float
    ) -> tuple[AnyNetwork, training.Learner | training.RowsLearner, int]:
        """A network with start values, a learner of it, and the seed of the order of rows."""

    def _trained(self) -> AnyNetwork:
        if self._network is None:
            raise WorkFailed("the model has not been trained")
        return self._network


class NetworkEstimator(LoopEstimator):
    """A network that the compiled core knows, and NumPy as its reference."""

    in_turn = True

    def __init__(self, parameters: Any, engine: EngineChoice = "fastest") -> None:
        super().__init__(parameters)
        self._choice = engine

    def working_bytes(self, fields: int, *, rows: int = 0, features: int = 0) -> int:
        del rows, features
        engine, shape = self._engine(), self._shape()
        batch: int = self._parameters.batch_size
        if engine is not None:
            return scratch_bytes(shape, fields, engine, batch)
        item = 4 if self._parameters.precision == "float32" else 8
        numbers = item * (max(shape.size, shape.units) + 1)
        pairs = fields * (fields - 1) // 2 if shape.units else 0
        return numbers * (_COPIES * batch * fields + _PAIR_COPIES * REFERENCE_GROUP_ROWS * pairs)

    @abstractmethod
    def _shape(self) -> Shape:
        """Kind and sizes."""

    def _engine(self) -> Engine | None:
        """None: NumPy does the work. The core knows float32 only."""
        if self._choice == "reference" or self._parameters.precision != "float32":
            return None
        return Engine.fastest() if self._choice == "fastest" else self._choice
