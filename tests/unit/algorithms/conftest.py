"""Rows whose label hangs on a pair of fields, and small random batches."""

from dataclasses import dataclass

import numpy as np
import pytest

from confide.algorithms.base import Batch
from confide.algorithms.losses import sigmoid

FIELDS, CATEGORIES = 5, 20
LEFT, RIGHT = 0, 3
"""The planted pair: say, one field of each party."""


@dataclass(frozen=True)
class Planted:
    """Training and held-out rows with the probability that drew each label."""

    training: Batch
    holdout: Batch
    chances: np.ndarray
    """(n,) of the held-out rows."""
    linear_chances: np.ndarray
    """(n,) what the best model without the pair would say: the main effects alone."""
    feature_count: int = FIELDS * CATEGORIES


def planted_rows(rows, held_out, seed=7):
    """Small main effects on every field; a strong rank-2 interaction between LEFT and RIGHT."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, CATEGORIES, (rows + held_out, FIELDS))
    main = 0.3 * random.standard_normal((FIELDS, CATEGORIES))
    vectors = random.standard_normal((2, CATEGORIES, 2))
    left, right = vectors - vectors.mean(axis=1, keepdims=True)  # centred: no main effect hides in the pair
    linear = main[np.arange(FIELDS), codes].sum(axis=1) - 0.5
    pair = (left[codes[:, LEFT]] * right[codes[:, RIGHT]]).sum(axis=1)
    chances = sigmoid(linear + 1.5 * pair)
    labels = (random.random(len(codes)) < chances).astype(np.float32)
    indices = (codes + CATEGORIES * np.arange(FIELDS)).astype(np.int32)
    every = Batch(indices, np.ones(indices.shape, np.float32), labels)
    return Planted(
        training=every.rows(slice(rows)),
        holdout=every.rows(slice(rows, None)),
        chances=chances[rows:],
        linear_chances=sigmoid(linear)[rows:],
    )


@pytest.fixture(scope="session")
def planted():
    return planted_rows(40_000, 10_000)


@pytest.fixture(scope="session")
def few_planted():
    return planted_rows(2_000, 500)


def random_batch(rows, fields=4, features=30, seed=0, dtype=np.float64, *, binary=True):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows) if binary else random.standard_normal(rows)
    return Batch(
        random.integers(0, features, (rows, fields)),
        random.uniform(-1, 2, (rows, fields)).astype(dtype),
        labels.astype(dtype),
    )


@pytest.fixture
def batch_of():
    return random_batch
