"""Start values: v ~ N(0, deviation²), W ~ Glorot normal, h ~ N(0, 1); w = b = 0, w0 = the best constant.

p starts at `interaction_scale`: softmax averages over all pairs, so from 1 the pairwise signal would start
far too small. Reference and compiled core draw the same numbers, in this order.
"""

import numpy as np

from confide.algorithms.base import Floats

CHUNK_ROWS = 1 << 16
"""Drawn at a time: the numbers are those of one draw, without a second copy of the table."""


def draw_embeddings(random: np.random.Generator, target: Floats, deviation: float) -> None:
    """Fill (features, K)."""
    for start in range(0, len(target), CHUNK_ROWS):
        chunk = target[start : start + CHUNK_ROWS]
        chunk[...] = random.standard_normal(chunk.shape, np.float32)
        chunk *= deviation


def draw_attention(random: np.random.Generator, units: int, size: int) -> tuple[Floats, Floats]:
    """W (T, K) and h (T,), float64."""
    weight = random.standard_normal((units, size)) * np.sqrt(2 / (units + size))
    return weight, random.standard_normal(units)
