"""Logloss after one pass over the same rows: ours against DeepCTR-Torch's AFM and, with --fuxictr, FuxiCTR's.

Run: python bench/peers_quality.py [--fuxictr DIR] [--venv DIR] [--rows 262144] [--batch 256]. The data is
that of planted.py. Everyone sees the same rows in the same order, in batches of the same size, with K = T =
16, and has three learning rates; the best is chosen on one held-out slice and its logloss read on another.
What else there is to set stays at each one's own default. Prints one JSON line per model.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import planted
import zipf
from peers import TUNED, Peers, options

from confide.algorithms import metrics
from confide.algorithms.afm import AfmParameters, fresh_fast_network, step_of
from confide.algorithms.base import Batch
from confide.algorithms.engine.learner import FastLearner
from confide.algorithms.engine.network import Engine
from confide.algorithms.losses import LOSSES
from confide.core import limits

SIZE, SEED, HELD_OUT = 16, 1, 65_536
OUR_RATES = (0.025, 0.05, 0.1)
ADAM_RATES = (1e-3, 3e-3, 1e-2)


def ours(rows, order, rate, batch):
    """(held-out rows,) predictions of the product's own AFM after one pass in this order."""
    data, learned, features = rows
    parameters = AfmParameters(embedding_size=SIZE, attention_size=SIZE, learning_rate=rate, batch_size=batch)
    bias = LOSSES["logistic"].start(data.labels[:learned])
    network = fresh_fast_network(parameters, features, bias, SEED, Engine.fastest())
    learner = FastLearner(network, step_of(parameters), seed=SEED)
    part = limits.PROGRESS_ROWS // batch * batch
    for start in range(0, len(order), part):
        learner.learn_rows(data, order[start : start + part], batch)
    return learner.predict(data.indices[learned:], data.values[learned:])


def theirs(peers, name, file, rate, batch):
    """The same of a peer, in its own process."""
    out = file.with_suffix(".npy")
    told = peers.run(name, file, "epoch", batch, rate, out, settings=TUNED)
    sys.stderr.write(f"{name}, rate {rate}: one pass in {told['seconds']} s\n")
    return np.load(out)


def compared(name, rates, predict, labels):
    """A model's line: validation logloss of each rate, test logloss and AUC of the best one."""
    half = len(labels) // 2
    found = {rate: predict(rate) for rate in rates}
    validation = {
        rate: round(metrics.logloss(labels[:half], chances[:half]), 4) for rate, chances in found.items()
    }
    rate = min(validation, key=validation.get)
    test, truth = found[rate][half:], labels[half:]
    return {
        "model": name,
        "validation_logloss": validation,
        "learning_rate": rate,
        "test_logloss": round(metrics.logloss(truth, test), 4),
        "test_auc": round(metrics.auc(truth, test), 4),
    }


def measured(peers, rows, batch, place):
    """One line per model: two that learn nothing or know all, ours, the peers."""
    indices, labels, chances, widths = planted.rows(rows + HELD_OUT)
    order = np.random.default_rng(SEED).permutation(rows)
    held, file = labels[rows:], place / "rows.npz"
    given = {"indices": indices, "labels": labels, "widths": widths, "starts": zipf.starts(widths)}
    np.savez(file, order=order, **given)
    data = Batch(indices, np.ones(indices.shape, np.float32), labels), rows, int(widths.sum())
    yield compared("oracle", ("-",), lambda _: chances[rows:], held)
    share = np.full(len(held), labels[:rows].mean())
    yield compared("constant", ("-",), lambda _: share, held)
    yield compared("ours", OUR_RATES, lambda rate: ours(data, order, rate, batch), held)
    for name in peers.modules:
        yield compared(name, ADAM_RATES, lambda rate, name=name: theirs(peers, name, file, rate, batch), held)


def main():
    asked = options(__doc__)
    asked.add_argument("--rows", type=int, default=262_144)
    asked.add_argument("--batch", type=int, default=256)
    chosen = asked.parse_args()
    peers = Peers(chosen.venv, chosen.fuxictr)
    with tempfile.TemporaryDirectory() as place:
        for line in measured(peers, chosen.rows, chosen.batch, Path(place)):
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
