"""Generated rows: 13 bucketed numbers, 26 categories, Zipf, about two million features."""

import numpy as np

NUMBERS, CATEGORIES, BUCKETS = 13, 26, 50
FIELDS = NUMBERS + CATEGORIES
RARE = 0.25
"""Share of labels that are 1."""


def sizes(largest=800_000):
    """Values of each field, smallest vocabulary 10."""
    return np.concatenate(([BUCKETS] * NUMBERS, np.geomspace(10, largest, CATEGORIES).astype(np.int64)))


def codes(random, widths, count):
    """(count, fields) int32, each field's values from 0. The k-th value comes with odds 1/k."""
    drawn = np.empty((count, len(widths)), np.int32)
    for field, width in enumerate(widths):
        value = (width + 1.0) ** random.random(count) - 1
        drawn[:, field] = np.minimum(value, width - 1).astype(np.int64)
    return drawn


def starts(widths):
    """Where each field's indices begin."""
    return np.concatenate(([0], np.cumsum(widths)[:-1]))


def rows(count, seed=1):
    """(indices int32, values float32, labels float32, feature_count)."""
    random, widths = np.random.default_rng(seed), sizes()
    indices = codes(random, widths, count) + starts(widths).astype(np.int32)
    labels = (random.random(count) < RARE).astype(np.float32)
    return indices, np.ones(indices.shape, np.float32), labels, int(widths.sum())
