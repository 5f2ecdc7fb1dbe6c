"""Speed of the compiled core on every instruction set of this machine, against the NumPy reference.

Run: python bench/engine.py [--rows 65536] [--size 16] [--repeat 3]. Prints one JSON line per way of running.
The fastest of the repetitions counts: the machine may be busy, the work is always the same.
"""

import argparse
import json
import os
import sys
import time

import zipf
from rows import Row, Scale

from confide.algorithms.afm import AfmParameters, fresh_fast_network, fresh_network, step_of
from confide.algorithms.afm_network import Trainer
from confide.algorithms.base import Batch
from confide.algorithms.engine import library
from confide.algorithms.engine.learner import FastLearner
from confide.algorithms.engine.network import Engine
from confide.algorithms.losses import LOSSES
from confide.core import limits

REFERENCE_ROWS = 4_096


def seconds(work, repeat):
    """The shortest of `repeat` runs."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def fast(parameters, data, features, engine, repeat):
    network = fresh_fast_network(parameters, features, 0.0, 1, engine)
    learner = FastLearner(network, step_of(parameters), seed=1)
    order = zipf.np.random.default_rng(0).permutation(len(data))

    def train():
        for start in range(0, len(data), limits.PROGRESS_ROWS):
            learner.learn_rows(data, order[start : start + limits.PROGRESS_ROWS], parameters.batch_size)

    trained = seconds(train, repeat)
    predicted = seconds(lambda: network.outputs(data.indices, data.values), repeat)
    return len(data) / trained, len(data) / predicted


def reference(parameters, data, features, repeat):
    network = fresh_network(parameters, features, 0.0, 1)
    start = parameters.accumulator_start
    trainer = Trainer(
        network,
        LOSSES["logistic"],
        rate=parameters.learning_rate,
        accumulator_start=start,
        dropout=0.0,
        attention_l2=0.0,
        seed=1,
    )
    few = data.rows(slice(REFERENCE_ROWS))

    def train():
        for at in range(0, len(few), parameters.batch_size):
            trainer.learn(few.rows(slice(at, at + parameters.batch_size)))

    trained = seconds(train, repeat)
    predicted = seconds(lambda: network.outputs(few.indices, few.values), repeat)
    return len(few) / trained, len(few) / predicted


def measured(rows, size, repeat, threads=None):
    """One dictionary per way of running, with each of these numbers of threads; default: one, and all."""
    indices, values, labels, features = zipf.rows(rows)
    data = Batch(indices, values, labels)
    parameters = AfmParameters(embedding_size=size, attention_size=size)
    trained, predicted = reference(parameters, data, features, repeat)
    yield {"path": "NumPy", "threads": 1, "trained": round(trained), "predicted": round(predicted)}
    for path in library.paths():
        for count in threads or sorted({1, len(os.sched_getaffinity(0))}):
            found = fast(parameters, data, features, Engine(path, count), repeat)
            yield {
                "path": path.name,
                "threads": count,
                "trained": round(found[0]),
                "predicted": round(found[1]),
                "trained_ratio": round(found[0] / trained, 1),
                "predicted_ratio": round(found[1] / predicted, 1),
            }


def sized(scale):
    """(rows, repetitions)."""
    return (65_536, 3) if scale is Scale.FULL else (16_384, 2)


def rows(scale):
    """See rows.py. The core with all threads, on every instruction set, against NumPy."""
    threads, (count, repeat) = len(os.sched_getaffinity(0)), sized(scale)
    first, *others = measured(count, 16, repeat, [threads])
    for line in others:
        for what in ("trained", "predicted"):
            name = f"engine {line['path']}, {threads} threads, {what}, against NumPy"
            yield Row(name, line[what], first[what], "rows/s")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=65_536)
    options.add_argument("--size", type=int, default=16, help="K and T")
    options.add_argument("--repeat", type=int, default=3)
    chosen = options.parse_args()
    for line in measured(chosen.rows, chosen.size, chosen.repeat):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
