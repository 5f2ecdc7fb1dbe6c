"""LightGBM by its own Python package, behind two calls, in the peers' own environment.

`learn` is a whole training; categories are told as such, and LightGBM splits them its own way.
"""

import os

import lightgbm

TREES = 50


class Peer:
    """Trees with LightGBM's defaults."""

    def __init__(self, widths, size, rate):
        del size, rate
        self._fields = list(range(len(widths)))
        self._settings = {
            "objective": "binary",
            "num_threads": len(os.sched_getaffinity(0)),
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def learn(self, indices, labels):
        rows = lightgbm.Dataset(indices.numpy(), labels.numpy(), categorical_feature=self._fields)
        self._booster = lightgbm.train(self._settings, rows, TREES)

    def predict(self, indices):
        return self._booster.predict(indices.numpy())
