"""Held-out AUC of AFM and of the linear model on a planted interaction, one JSON line per size.

Run: python bench/afm.py. Speed is engine.py's business.
"""

import json
import sys

import numpy as np

from confide.algorithms import metrics, registry
from confide.algorithms.base import Batch
from confide.algorithms.losses import sigmoid

SIZES = [  # rows, held out, fields, categories per field, K = T
    (160_000, 40_000, 10, 50, 8),
    (160_000, 40_000, 10, 1_000, 8),
    (160_000, 40_000, 10, 1_000, 16),
    (30_000, 10_000, 39, 1_000, 16),
]


def generated(rows, fields, categories):
    """Small main effects, and one centred rank-3 interaction of fields 0 and fields // 2."""
    random = np.random.default_rng(1)
    codes = random.integers(0, categories, (rows, fields))
    main = 0.3 * random.standard_normal((fields, categories))
    vectors = random.standard_normal((2, categories, 3))
    left, right = vectors - vectors.mean(axis=1, keepdims=True)
    linear = main[np.arange(fields), codes].sum(axis=1) - 1
    chances = sigmoid(linear + 1.15 * (left[codes[:, 0]] * right[codes[:, fields // 2]]).sum(axis=1))
    labels = (random.random(rows) < chances).astype(np.float32)
    indices = (codes + categories * np.arange(fields)).astype(np.int32)
    return Batch(indices, np.ones(indices.shape, np.float32), labels), chances


def held_out_auc(name, parameters, data, held, feature_count):
    estimator = registry.build(name, parameters)
    for _ in estimator.fit(data.indices, data.values, data.labels, holdout=held, feature_count=feature_count):
        pass
    return round(metrics.auc(held.labels, estimator.predict(held.indices, held.values)), 4)


def main():
    for rows, held_out, fields, categories, size in SIZES:
        every, chances = generated(rows + held_out, fields, categories)
        data, held = every.rows(slice(rows)), every.rows(slice(rows, None))
        count = fields * categories
        parameters = {"embedding_size": size, "attention_size": size}
        line = {
            "rows": rows,
            "fields": fields,
            "categories": categories,
            "embedding_size": size,
            "oracle_auc": round(metrics.auc(held.labels, chances[rows:]), 4),
            "afm_auc": held_out_auc("afm", parameters, data, held, count),
            "linear_auc": held_out_auc("linear", {}, data, held, count),
        }
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
