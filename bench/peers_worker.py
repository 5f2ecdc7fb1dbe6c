"""Run by peers.py and peers_quality.py in the peers' own environment. Prints one JSON line.

Arguments: module of the peer, a .npz of rows, then either "speed", the seconds to spend on each figure and,
if not SPEED_BATCH, the rows of a batch, or "epoch", rows per update, learning rate, and a file for the
predictions of the held-out rows (.npy).
"""

import importlib
import json
import os
import sys
import time

import numpy as np
import torch

SIZE, SPEED_BATCH, SPEED_RATE, SCORED, SEED = 16, 4_096, 1e-3, 8_192, 1


def rate(work, rows, limit):
    """Rows per second of the fastest call within the time."""
    best, end = float("inf"), time.perf_counter() + limit
    while time.perf_counter() < end or best == float("inf"):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return rows / best


def speed(build, data, seconds, batch=SPEED_BATCH):
    """Rows per second, trained and predicted, on one batch over and over."""
    rows, model = int(batch), build(SPEED_RATE)
    indices, truth = data["rows"][:rows], data["labels"][:rows]
    model.learn(indices, truth)
    trained = rate(lambda: model.learn(indices, truth), rows, float(seconds))
    predicted = rate(lambda: model.predict(indices), rows, float(seconds))
    return {"trained": round(trained), "predicted": round(predicted)}


def epoch(build, data, batch, learning_rate, out):
    """One pass in the given order, in one thread; the rows that are not in it are predicted."""
    torch.set_num_threads(1)
    model, start, order = build(float(learning_rate)), time.perf_counter(), data["order"]
    for chosen in order.split(int(batch)):
        model.learn(data["rows"][chosen], data["labels"][chosen])
    seconds = time.perf_counter() - start
    held = data["rows"][len(order) :].split(SCORED)
    np.save(out, torch.cat([model.predict(part) for part in held]).numpy())
    return {"seconds": round(seconds, 1)}


TASKS = {"speed": speed, "epoch": epoch}


def main():
    module, file, task, *arguments = sys.argv[1:]
    torch.manual_seed(SEED)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    found = dict(np.load(file))
    peer, widths = importlib.import_module(module), found["widths"]  # noqa: TID251 - no product code here
    found["rows"] = found.pop("indices") - found.pop("starts")
    data = {name: torch.from_numpy(array) for name, array in found.items()}
    line = TASKS[task](lambda rate: peer.Peer(widths, SIZE, rate), data, *arguments)
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
