"""What every learner of a network in NumPy does alike: predict, and go back to what it had learned."""

from typing import Protocol

from confide.algorithms.base import Floats, Integers
from confide.algorithms.losses import OutputLoss


class Network(Protocol):
    """Learned numbers that score rows."""

    def outputs(self, indices: Integers, values: Floats) -> Floats:
        """(n,) raw outputs, before the loss turns them into predictions."""
        ...

    def learned(self) -> list[Floats]:
        """All arrays, in a fixed order, where they are."""
        ...


class NetworkLearner:
    """The part of training.Learner that does not learn."""

    def __init__(self, network: Network, loss: OutputLoss) -> None:
        self._scoring, self._loss = network, loss

    def predict(self, indices: Integers, values: Floats) -> Floats:
        """(n,) predictions, without dropout."""
        return self._loss.predictions(self._scoring.outputs(indices, values))

    def snapshot(self) -> list[Floats]:
        """Copies of the learned numbers, without the accumulators."""
        return [array.copy() for array in self._scoring.learned()]

    def restore(self, snapshot: list[Floats]) -> None:
        """Back to a snapshot."""
        for array, saved in zip(self._scoring.learned(), snapshot, strict=True):
            array[...] = saved
