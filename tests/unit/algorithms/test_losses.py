import numpy as np
import pytest

from confide.algorithms.losses import LOSSES, sigmoid

OUTPUTS = np.array([-3.0, -0.2, 0.0, 0.7, 5.0])
LABELS = np.array([0.0, 1.0, 1.0, 0.0, 1.0])


def test_sigmoid_does_not_overflow():
    with np.errstate(over="raise"):
        ends = sigmoid(np.array([-1e4, 0, 1e4], np.float32))
    assert ends.tolist() == [0, 0.5, 1]
    assert ends.dtype == np.float32


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_derivative_is_the_slope_of_the_total(name):
    loss, step = LOSSES[name], 1e-6
    for row in range(len(OUTPUTS)):
        nudge = np.eye(len(OUTPUTS))[row] * step
        slope = (loss.total(OUTPUTS + nudge, LABELS) - loss.total(OUTPUTS - nudge, LABELS)) / (2 * step)
        assert loss.derivative(OUTPUTS, LABELS)[row] == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_start_is_the_best_constant(name):
    loss = LOSSES[name]
    start = np.full(len(LABELS), loss.start(LABELS))
    assert loss.derivative(start, LABELS).sum() == pytest.approx(0, abs=1e-12)


def test_the_start_is_finite_where_labels_are_alike():
    assert np.isfinite(LOSSES["logistic"].start(np.ones(4)))
    assert np.isfinite(LOSSES["logistic"].start(np.zeros(4)))
