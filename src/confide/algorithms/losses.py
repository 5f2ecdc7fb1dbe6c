"""Losses over raw outputs (logits), summed over rows, with their derivatives."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from confide.algorithms.base import Floats
from confide.algorithms.parameters import Loss

START_PROBABILITY_FLOOR = 1e-4
"""Keeps the start of the bias finite where all labels are alike."""


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-z)) without overflow, in the type of its argument."""
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1, small) / (1 + small), dtype=logits.dtype)


class OutputLoss(ABC):
    """One loss: its sum and derivative, where the bias starts, and how a raw output is told."""

    binary: ClassVar[bool]

    @abstractmethod
    def total(self, outputs: Floats, labels: Floats) -> float:
        """Sum over the rows."""

    @abstractmethod
    def derivative(self, outputs: Floats, labels: Floats) -> Floats:
        """(n,) of the sum, with respect to each output."""

    @abstractmethod
    def start(self, labels: Floats) -> float:
        """The constant output with the least loss."""

    @abstractmethod
    def predictions(self, outputs: Floats) -> Floats:
        """(n,) outputs as they are told to the outside."""


class Logistic(OutputLoss):
    """log(1 + exp(z)) - y z; the derivative is sigmoid(z) - y."""

    binary = True

    def total(self, outputs: Floats, labels: Floats) -> float:
        return float((np.logaddexp(0, outputs) - labels * outputs).sum(dtype=np.float64))

    def derivative(self, outputs: Floats, labels: Floats) -> Floats:
        return sigmoid(outputs) - labels

    def start(self, labels: Floats) -> float:
        share = float(labels.mean(dtype=np.float64))
        share = min(max(share, START_PROBABILITY_FLOOR), 1 - START_PROBABILITY_FLOOR)
        return float(np.log(share / (1 - share)))

    def predictions(self, outputs: Floats) -> Floats:
        return sigmoid(outputs)


class Squared(OutputLoss):
    """(z - y)²; the derivative is 2 (z - y)."""

    binary = False

    def total(self, outputs: Floats, labels: Floats) -> float:
        return float(((outputs - labels) ** 2).sum(dtype=np.float64))

    def derivative(self, outputs: Floats, labels: Floats) -> Floats:
        return 2 * (outputs - labels)

    def start(self, labels: Floats) -> float:
        return float(labels.mean(dtype=np.float64))

    def predictions(self, outputs: Floats) -> Floats:
        return outputs


LOSSES: dict[Loss, OutputLoss] = {"logistic": Logistic(), "squared": Squared()}
