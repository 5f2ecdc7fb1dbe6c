"""The physical limits of this machine, and the share of them that the compiled core reaches.

Run: python bench/peaks.py [--rows 65536] [--repeat 3]. Compiles peaks.c with gcc into a temporary folder,
measures the peaks on the threads that the core uses, and prints one JSON line of them, then one per
instruction set: the rows per second that the operations and the bytes of a row would allow at those peaks,
and what the core does in this run.

A vector operation counts per number and once, whatever it does (a multiply-add is one): that is what the
ports of a processor see. Loads, stores and shuffles are not counted, nor is what is done per row and not per
pair, so no program reaches the bound. A second bound, `multiplied`, counts only what needs a multiplier, for
processors that add, compare and convert beside it, as AMD's do. What memory alone would allow if no cache
held anything is said beside the peaks: it is no bound, since most values are frequent ones.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path as FilePath

import zipf
from engine import fast
from rows import Row, Scale

from confide.algorithms.afm import AfmParameters
from confide.algorithms.base import Batch
from confide.algorithms.engine import library
from confide.algorithms.engine.library import Path
from confide.algorithms.engine.network import Engine

SIZE = UNITS = 16
PAIRS = zipf.FIELDS * (zipf.FIELDS - 1) // 2
FLOAT, INDEX, LINE = 4, 4, 64

PRODUCT = SIZE
GAIN = SIZE
RECTIFY = 2 * UNITS
EXPONENTIAL = 12
SPLIT = 4 * SIZE
"""Into two bfloat16, for tiles: cut, rest, and two to pack them."""
ROUND = 2 * SIZE
"""To bfloat16, in pairs."""
MASK = {Path.AVX2: 3 * UNITS, Path.AMX: UNITS}
"""Compare and merge; else 4 operations for two pairs at once: pack, shift, double, add."""
BACKWARD = {Path.AVX2: 10 * SIZE + UNITS}
"""Product, weighted product, sum of two tables, its slope (2), pooled, both slopes, two buckets; b's."""
USUAL = 4 * SIZE
"""The same on the other paths, where all sign masks are the biases': both embeddings by share and slope."""
BACKWARD_MULTIPLIED = {Path.AVX2: 7 * SIZE}
EXPONENTIAL_MULTIPLIED = 7
TILES = 2 * UNITS * 2 * SIZE
"""Multiply-adds in tiles: both parts of W times both of the product."""

WIDE = {Path.AVX512, Path.AVX512_BF16, Path.AMX}


def vector_operations(path, *, learning):
    """(float32 operations, bfloat16 products) of a pair on vectors."""
    layer = {Path.AMX: (SPLIT, 0), Path.AVX512_BF16: (ROUND, UNITS * SIZE)}.get(path, (UNITS * SIZE, 0))
    plain = PRODUCT + GAIN + RECTIFY + EXPONENTIAL + layer[0]
    return plain + (MASK.get(path, 2 * UNITS) + BACKWARD.get(path, USUAL) if learning else 0), layer[1]


def multiplications(path, *, learning):
    """(float32, bfloat16) of a pair on vectors: the product, the gain, h, the exponential, W."""
    plain = PRODUCT + GAIN + UNITS + EXPONENTIAL_MULTIPLIED
    layer = {Path.AMX: (0, 0), Path.AVX512_BF16: (0, UNITS * SIZE)}.get(path, (UNITS * SIZE, 0))
    return plain + layer[0] + (BACKWARD_MULTIPLIED.get(path, USUAL) if learning else 0), layer[1]


def bytes_of(*, learning):
    """Of a row, when no cache holds anything: records and linear weights by lines, indices, values."""
    record = 2 * SIZE * FLOAT if learning else SIZE * FLOAT
    moved = (2 if learning else 1) * (record + LINE)
    return zipf.FIELDS * (moved + INDEX + FLOAT)


def arithmetic_bound(path, peaks, *, learning, counted=vector_operations):
    """Rows per second. Tiles work beside the vectors, bfloat16 products among them."""
    plain, products = counted(path, learning=learning)
    vectors = peaks["fma_512" if path in WIDE else "fma_256"]
    seconds = plain / vectors + (products / peaks["dot_bf16"] if products else 0)
    if path is Path.AMX:
        seconds = max(seconds, TILES / peaks["tiles_bf16"])
    return 1 / (PAIRS * seconds)


def measured_peaks(threads):
    """Per second, of all threads together."""
    with tempfile.TemporaryDirectory() as place:
        program = FilePath(place) / "peaks"
        source = FilePath(__file__).with_suffix(".c")
        subprocess.run(["gcc", "-O3", "-pthread", source, "-o", program], check=True)
        done = subprocess.run([program, str(threads)], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def say(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def rows(scale):
    """See rows.py. The core against the arithmetic bound of the same path; Path.PORTABLE has none."""
    count, repeat = (65_536, 3) if scale is Scale.FULL else (16_384, 2)
    threads = len(os.sched_getaffinity(0))
    indices, values, labels, features = zipf.rows(count)
    data, parameters = (
        Batch(indices, values, labels),
        AfmParameters(embedding_size=SIZE, attention_size=UNITS),
    )
    peaks, path = measured_peaks(threads), Engine.fastest().path
    found = fast(parameters, data, features, Engine(path, threads), repeat)
    for name, learning, rate in (("trained", True, found[0]), ("predicted", False, found[1])):
        limit = arithmetic_bound(path, peaks, learning=learning)
        yield Row(f"AFM {name} by {path.name}, against the processor's bound", rate, limit, "rows/s")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=65_536)
    options.add_argument("--repeat", type=int, default=3)
    chosen = options.parse_args()
    threads = len(os.sched_getaffinity(0))
    indices, values, labels, features = zipf.rows(chosen.rows)
    data, parameters = (
        Batch(indices, values, labels),
        AfmParameters(embedding_size=SIZE, attention_size=UNITS),
    )
    peaks = measured_peaks(threads)
    by_memory = {
        name: round(peaks["read"] / bytes_of(learning=learning))
        for name, learning in (("trained", True), ("predicted", False))
    }
    say(peaks | {"rows_without_caches": by_memory})
    for path in library.paths():
        if path is Path.PORTABLE:  # whatever the compiler makes of it
            continue
        found = fast(parameters, data, features, Engine(path, threads), chosen.repeat)
        line = {"path": path.name, "threads": threads}
        for name, learning, rate in (("trained", True, found[0]), ("predicted", False, found[1])):
            limit = arithmetic_bound(path, peaks, learning=learning)
            line |= {
                name: round(rate),
                f"{name}_bound": round(limit),
                f"{name}_share": round(rate / limit, 2),
                f"{name}_multiplied": round(
                    arithmetic_bound(path, peaks, learning=learning, counted=multiplications)
                ),
            }
        say(line)


if __name__ == "__main__":
    main()
