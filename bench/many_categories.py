"""A column in which no value comes twice: what it costs to prepare and to encode, and where it is refused.

    python bench/many_categories.py [--rows 10000000] [--out bench/out/many_categories.json]

Each stage runs in a process of its own, so that its peak of memory is its own.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from confide.core.errors import LimitExceeded
from confide.core.features import Feature, Kind
from confide.data.dataset import PreparedDataset
from confide.data.encoding import FeatureEncoder
from confide.data.inspect import inspect
from confide.data.prepare import prepare
from confide.data.schema import loads
from confide.data.vocabulary import Scheme, Vocabulary

SCHEMA = '[id]\nname = "id"\ntype = "integer"\n[label]\nname = "click"\n[columns]\nvisitor = "categorical"\n'
PIECE = 100_000


def generate(path, rows):
    with path.open("w") as file:
        file.write("id,click,visitor\n")
        for start in range(0, rows, PIECE):
            ids = range(start, min(start + PIECE, rows))
            file.write("".join(f"{number},{number % 2},visitor-{number:010d}\n" for number in ids))
    return {"bytes": path.stat().st_size}


def encoded(folder, scheme):
    values = PreparedDataset.open(folder).column("visitor").to_numpy()
    columns = {("shop", "visitor"): values}
    field = ("shop", Feature(name="visitor", kind=Kind.CATEGORICAL))
    encoder = FeatureEncoder.fit([field], columns, slice(None), Vocabulary(scheme=scheme, bits=22))
    found = encoder.encode(columns)
    return {"distinct": int(np.unique(values).size), "features": found.feature_count}


def refused(folder):
    try:
        encoded(folder, Scheme.EXACT)
    except LimitExceeded as error:
        return {"refused": f"{error.code}: {error.message}"}
    raise SystemExit("an exact vocabulary of so many categories was not refused")


def measured(queue, work, arguments):
    begin = time.perf_counter()
    result = work(*arguments) or {}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    queue.put({"seconds": round(time.perf_counter() - begin, 2), "peak_mib": peak // 1024, **result})


def stage(name, work, *arguments):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=measured, args=(queue, work, arguments))
    child.start()
    result = queue.get()
    child.join()
    print(f"{name:16} {result}", flush=True)
    return {name: result}


def looked_at(path):
    return {"schema": inspect(path).schema is not None}


def prepared(path, folder):
    manifest = prepare(path, loads(SCHEMA), folder)
    return {"rows": manifest.rows, "quarantined": manifest.quarantined_rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        path, folder = Path(made) / "many.csv", Path(made) / "prepared"
        results = stage("generate", generate, path, arguments.rows)
        results |= stage("inspect", looked_at, path)
        results |= stage("prepare", prepared, path, folder)
        results |= stage("encode, hashed", encoded, folder, Scheme.HASHED)
        results |= stage("encode, exact", refused, folder)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps({"rows": arguments.rows, "stages": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
