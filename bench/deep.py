"""DeepFM, the multilayer perceptron and the trees against peers on the same rows, ratios in one run.

    python bench/deep.py [--rows 131072] [--seconds 8] [--only ALGORITHM ...] [--venv DIR]

DeepFM against DeepCTR-Torch's, the perceptron against one in plain PyTorch with sparse gradients and Adagrad,
the trees against LightGBM's own Python package. 39 fields as in zipf.py with smaller vocabularies (42,000
features: in larger ones DeepCTR-Torch's time goes to Adam over the whole table), K = 16, two layers of 128,
batches of 4096; 50 trees. Ours is a whole training by the estimator, theirs one batch over and over, trees
apart. Everything uses all the threads there are. The peers live in the environment that peers.py makes, with
glibc's allocator tuned.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import planted
import zipf
from peers import HERE, TUNED, Peers, options
from rows import Row, Scale, Skipped

from confide.algorithms import registry
from confide.algorithms.base import Batch

BATCH = 4_096
NETWORK = {"embedding_size": 16, "hidden_units": 128, "batch_size": BATCH, "epochs": 1}
PARAMETERS = {"deepfm": NETWORK, "mlp": NETWORK, "gbdt": {"trees": 50}}
PEERS = {
    "deepfm": ("DeepCTR-Torch", "peers_deepfm"),
    "mlp": ("PyTorch", "peers_mlp"),
    "gbdt": ("LightGBM's package", "peers_lightgbm"),
}


def ours(name, data, features, seconds):
    """Rows per second of the fastest training and the fastest prediction within the time for each."""

    def train():
        estimator = registry.build(name, PARAMETERS[name])
        list(estimator.fit(data.indices, data.values, data.labels, feature_count=features))
        return estimator

    def predict():
        trained.predict(data.indices, data.values)

    trained = train()
    return {"trained": rate(train, len(data), seconds), "predicted": rate(predict, len(data), seconds)}


def rate(work, rows, seconds):
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end or best == float("inf"):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return round(rows / best)


def measured(peers, count, seconds, names=tuple(PEERS)):
    """One line per algorithm: ours, the peer's, the ratios."""
    indices, labels, _, widths = planted.rows(count)
    data = Batch(indices, np.ones(indices.shape, np.float32), labels)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "rows.npz"
        np.savez(file, indices=indices, labels=labels, widths=widths, starts=zipf.starts(widths))
        for name in names:
            peer, module = PEERS[name]
            batch = count if name == "gbdt" else BATCH
            theirs = peers.run_module(module, file, "speed", seconds, batch, settings=TUNED)
            mine = ours(name, data, int(widths.sum()), seconds)
            ratios = {f"{what}_ratio": round(mine[what] / theirs[what], 2) for what in theirs}
            yield {"algorithm": name, "peer": peer, "ours": mine, "theirs": theirs} | ratios


def rows(scale):
    """See rows.py. Above 1 is faster than the peer."""
    try:
        peers = Peers(HERE / "out" / "peers-venv", None)
    except (subprocess.CalledProcessError, OSError) as cause:
        raise Skipped(f"the peers' environment can't be made here ({cause})") from None
    count, seconds = (131_072, 8) if scale is Scale.FULL else (16_384, 0.7)
    for line in measured(peers, count, seconds):
        for what, theirs in line["theirs"].items():
            yield Row(
                f"{line['algorithm']} {what}, against {line['peer']}", line["ours"][what], theirs, "rows/s"
            )


def main():
    asked = options(__doc__)
    asked.add_argument("--rows", type=int, default=131_072)
    asked.add_argument("--seconds", type=float, default=8)
    asked.add_argument("--only", nargs="+", choices=PEERS, default=tuple(PEERS), metavar="ALGORITHM")
    chosen = asked.parse_args()
    for line in measured(Peers(chosen.venv, None), chosen.rows, chosen.seconds, chosen.only):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
