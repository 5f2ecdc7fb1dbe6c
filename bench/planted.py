"""Generated rows with interactions that a model can find: the data of peers_quality.py.

39 fields as in zipf.py with smaller vocabularies (about 42,000 features). The log-odds of label 1 are a
main effect of every value of every field, N(0, 0.15²), plus for each of 12 pairs of fields, drawn at random
among all 741, the product of two vectors of 4 normal numbers, one for each value: not AFM's own formula (no
attention, each pair has vectors of its own), and the same to every model that sees the rows. Interactions
are scaled to a standard deviation of 1.2 over the rows. Nothing here was chosen by looking at any model's
result.
"""

import numpy as np
import zipf

from confide.algorithms.losses import sigmoid

LARGEST, PAIRS, RANK = 10_000, 12, 4
MAIN, INTERACTION, CENTRE = 0.15, 1.2, -1.2


def rows(count, seed=1):
    """(indices int32, labels float32, chances float64 by which the labels were drawn, widths)."""
    random, truth, widths = np.random.default_rng(seed), np.random.default_rng(0), zipf.sizes(LARGEST)
    codes = zipf.codes(random, widths, count)
    main = sum(MAIN * truth.standard_normal(width)[codes[:, at]] for at, width in enumerate(widths))
    every = [(left, right) for left in range(len(widths)) for right in range(left + 1, len(widths))]
    together = np.zeros(count)
    for left, right in truth.permutation(every)[:PAIRS]:
        vectors = [truth.standard_normal((widths[field], RANK))[codes[:, field]] for field in (left, right)]
        together += np.prod(vectors, axis=0).sum(axis=1)
    chances = sigmoid(CENTRE + main + INTERACTION * together / together.std())
    labels = (random.random(count) < chances).astype(np.float32)
    return codes + zipf.starts(widths).astype(np.int32), labels, chances, widths
