"""Logloss after one pass over the same rows: ours against DeepCTR-Torch's AFM and, with --fuxictr, FuxiCTR's.

Run: python bench/peers_quality.py [--fuxictr DIR] [--venv DIR] [--rows 262144] [--batch 256]. The data is
that of planted.py. Everyone sees the same rows in the same order, in batches of the same size, with K = T =
16, and has three learning rates; the best is chosen on one held-out slice and its logloss read on another.
What else there is to set stays at each one's own default. Prints one JSON line per model.
"""

import itertools
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
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
    network = fresh_fast_network(parameters, features, bias, SEED, Engine(Engine.fastest().path, 1))
    learner = FastLearner(network, step_of(parameters), seed=SEED)
    part = limits.PROGRESS_ROWS // batch * batch
    for start in range(0, len(order), part):
        learner.learn_rows(data, order[start : start + part], batch)
    return learner.predict(data.indices[learned:], data.values[learned:])


def theirs(peers, name, file, rate, batch):
    """The same of a peer, in its own process."""
    out = file.with_name(f"{name}-{rate}.npy")
    told = peers.run(name, file, "epoch", batch, rate, out, settings=TUNED)
    sys.stderr.write(f"{name}, rate {rate}: one pass in {told['seconds']} s\n")
    return np.load(out)


def line(name, found, labels):
    """A model's line, of its held-out predictions by learning rate: the best on validation, read on test."""
    half = len(labels) // 2
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
    """One line per model: one that knows all, one that learns the share of labels only, ours, the peers."""
    indices, labels, chances, widths = planted.rows(rows + HELD_OUT)
    order = np.random.default_rng(SEED).permutation(rows)
    held, file = labels[rows:], place / "rows.npz"
    np.savez(file, order=order, indices=indices, labels=labels, widths=widths, starts=zipf.starts(widths))
    data = Batch(indices, np.ones(indices.shape, np.float32), labels), rows, int(widths.sum())
    yield line("oracle", {"-": chances[rows:]}, held)
    yield line("constant", {"-": np.full(len(held), labels[:rows].mean())}, held)
    yield line("ours", {rate: ours(data, order, rate, batch) for rate in OUR_RATES}, held)
    asked = list(itertools.product(peers.modules, ADAM_RATES))
    with ThreadPoolExecutor(len(asked)) as pool:
        found = pool.map(lambda one: theirs(peers, one[0], file, one[1], batch), asked)
        by_model = dict(zip(asked, found, strict=True))
    for name in peers.modules:
        yield line(name, {rate: by_model[name, rate] for rate in ADAM_RATES}, held)


def main():
    asked = options(__doc__)
    asked.add_argument("--rows", type=int, default=262_144)
    asked.add_argument("--batch", type=int, default=256)
    chosen = asked.parse_args()
    peers = Peers(chosen.venv, chosen.fuxictr)
    with tempfile.TemporaryDirectory() as place:
        for found in measured(peers, chosen.rows, chosen.batch, Path(place)):
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
