"""Generated rows: 13 bucketed numbers, 26 categories, Zipf, about two million features."""

import numpy as np

NUMBERS, CATEGORIES, BUCKETS = 13, 26, 50
FIELDS = NUMBERS + CATEGORIES
RARE = 0.25
"""Share of labels that are 1."""


def sizes():
    """Values of each field, smallest vocabulary 10, largest 800,000."""
    return np.concatenate(([BUCKETS] * NUMBERS, np.geomspace(10, 800_000, CATEGORIES).astype(np.int64)))


def rows(count, seed=1):
    """(indices int32, values float32, labels float32, feature_count). The k-th value comes with odds 1/k."""
    random = np.random.default_rng(seed)
    widths = sizes()
    starts = np.concatenate(([0], np.cumsum(widths)[:-1]))
    indices = np.empty((count, FIELDS), np.int32)
    for field, (start, width) in enumerate(zip(starts, widths, strict=True)):
        drawn = (width + 1.0) ** random.random(count) - 1
        indices[:, field] = start + np.minimum(drawn, width - 1).astype(np.int64)
    labels = (random.random(count) < RARE).astype(np.float32)
    return indices, np.ones(indices.shape, np.float32), labels, int(widths.sum())
