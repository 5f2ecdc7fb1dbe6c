"""Some rows of many, wherever these are kept."""

from itertools import pairwise

import numpy as np

from confide.algorithms.base import Batch, Shards
from confide.algorithms.shards import count_rows


def sample(shards: Shards, most: int, seed: int) -> Batch:
    """Copies of all rows, or of `most` of them chosen by PCG64 from `seed`; in their own order."""
    total = count_rows(shards)
    random = np.random.Generator(np.random.PCG64(seed))
    chosen = np.arange(total) if total <= most else np.sort(random.choice(total, most, replace=False))
    bounds, parts = np.cumsum([0, *shards.sizes]), list[Batch]()
    for at, (start, end) in enumerate(pairwise(bounds)):
        inside = chosen[(chosen >= start) & (chosen < end)]
        if len(inside):
            parts.append(shards.load(at).rows(inside - start))
    return Batch(
        np.concatenate([part.indices for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )
