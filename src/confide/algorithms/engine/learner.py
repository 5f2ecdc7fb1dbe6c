"""The compiled core as the training loop wants it: many batches at a call."""

from typing import Any

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Batch, Floats, Integers
from confide.algorithms.engine.network import FastNetwork, Step, checked_rows
from confide.algorithms.losses import LOSSES


class FastLearner:
    """training.RowsLearner over a fresh network."""

    def __init__(self, network: FastNetwork, step: Step, *, seed: int) -> None:
        self._network = network
        self._step = step
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._given: Batch | None = None
        self._rows: Batch | None = None

    def learn_rows(self, data: Batch, order: Integers, batch_size: int) -> float:
        """One update per `batch_size` rows in this order; the summed loss, each batch's before its update."""
        if self._rows is None or data is not self._given:
            self._given, self._rows = data, checked_rows(data, self._network.feature_count)
        plain = np.ascontiguousarray(order, np.int64)
        return self._network.learn(self._rows, plain, batch_size, self._step, self._noise(len(plain)))

    def predict(self, indices: Integers, values: Floats) -> Floats:
        """(n,) predictions, without dropout."""
        return LOSSES[self._step.loss].predictions(self._network.outputs(indices, values))

    def snapshot(self) -> list[Floats]:
        """Copies of the learned numbers, without the accumulators."""
        return self._network.snapshot()

    def restore(self, snapshot: list[Floats]) -> None:
        """Back to a snapshot."""
        self._network.restore(snapshot)

    @property
    def random(self) -> np.random.Generator:
        """See checkpoint.Resumable."""
        return self._random

    @property
    def engine(self) -> str:
        """See checkpoint.Resumable."""
        return self._network.engine_name

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """See checkpoint.Resumable."""
        return self._network.state()

    def _noise(self, rows: int) -> npt.NDArray[np.float32] | None:
        """Uniform, for each batch (K, n): drawn at once, they are those that the reference draws by batch."""
        if not self._step.dropout:
            return None
        return self._random.random(rows * self._network.shape.size, np.float32)
