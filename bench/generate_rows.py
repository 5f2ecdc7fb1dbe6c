"""Text files of the seed's shape, at any scale: A: id, label, 20 fields; B: id, 19 fields, another order.

    python bench/generate_rows.py --out FOLDER [--rows 10000000] [--seed 0]

13 numeric and 26 categorical fields; categories follow Zipf's law (rank by inverse CDF of 1/rank), about 2
million different ones at 10 million rows. Every cell is a function of (seed, row, field), so the same
arguments give the same bytes. 10 million rows are 1.29 GB and 1.25 GB of tab-separated text.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

CHUNK_ROWS = 250_000
NUMERIC, CATEGORICAL = 13, 26
CARDINALITIES = [10 ** (1 + 5 * (at % 13) / 12) for at in range(CATEGORICAL)]
MISSING = 0.04
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_TOKEN = 7


def fields_of(party):
    """(kind, number) of the party's fields: A has 7 numeric and 13 categorical ones, B the others."""
    first = party == "a"
    numeric = range(7) if first else range(7, NUMERIC)
    categorical = range(13) if first else range(13, CATEGORICAL)
    return [("n", at) for at in numeric] + [("c", at) for at in categorical]


def schema_toml(party):
    """The schema file of a party's text."""
    lines = ['[id]\nname = "id"\ntype = "string"']
    lines += ['[label]\nname = "label"'] if party == "a" else []
    lines += ["[columns]"]
    for kind, at in fields_of(party):
        lines.append(f'{kind}{at:02} = "{"numeric" if kind == "n" else "categorical"}"')
    return "\n".join(lines) + '\n[reader]\nformat = "tsv"\nquoting = false\n'


def uniform(rows, stream):
    """(rows,) floats in [0, 1), a function of row and stream (SplitMix64)."""
    with np.errstate(over="ignore"):
        mixed = rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(
            stream * 0xD1342543DE82EF95 % 2**64
        )
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


def ranks(rows, at, seed):
    return np.exp(uniform(rows, seed * 1000 + at) * math.log(CARDINALITIES[at])).astype(np.int64)


def text(codes, digits=_TOKEN):
    """Hexadecimal text of fixed width, without a Python object per cell."""
    shifts = np.arange(digits - 1, -1, -1, dtype=np.uint64) * np.uint64(4)
    cells = _HEX[((codes[:, None] >> shifts) & np.uint64(15)).astype(np.uint8)]
    offsets = np.arange(len(codes) + 1, dtype=np.int32) * digits
    return pa.Array.from_buffers(pa.string(), len(codes), [None, pa.py_buffer(offsets), pa.py_buffer(cells)])


def categories(rows, at, seed):
    mixed = (ranks(rows, at, seed).astype(np.uint64) + np.uint64(at << 24)) * np.uint64(0x9E3779B1)
    return _absent(text(mixed & np.uint64(0xFFFFFFF)), rows, seed * 1000 + 100 + at)


def numbers(rows, at, seed):
    drawn = np.floor(np.expm1(uniform(rows, seed * 1000 + 200 + at) * 5)).astype(np.int32)
    return _absent(pa.array(drawn), rows, seed * 1000 + 300 + at)


def _absent(column, rows, stream):
    return pa.compute.if_else(pa.array(uniform(rows, stream) < MISSING), None, column)


def labels(rows, seed):
    """Clicks: main effects of some fields of both parties, and one interaction between the two."""
    left, right = ranks(rows, 3, seed), ranks(rows, 16, seed)
    score = -1.2 + 0.25 * np.sin(ranks(rows, 0, seed)) + 0.25 * np.sin(ranks(rows, 13, seed))
    score += 1.2 * np.sin(left * 1.7) * np.sin(right * 2.3)
    return (uniform(rows, seed * 1000 + 999) < 1 / (1 + np.exp(-score))).astype(np.int8)


def identifiers(rows):
    with np.errstate(over="ignore"):
        return text((rows.astype(np.uint64) * np.uint64(0x9E3779B1)) & np.uint64(0xFFFFFFFF), 8)


def chunk(party, rows, seed):
    columns = {"id": identifiers(rows)}
    if party == "a":
        columns["label"] = pa.array(labels(rows, seed))
    for kind, at in fields_of(party):
        columns[f"{kind}{at:02}"] = (numbers if kind == "n" else categories)(rows, at, seed)
    return pa.record_batch(columns)


def order(party, count):
    """The rows in A's order, or in B's: an affine permutation."""
    step = (
        1
        if party == "a"
        else next(s for s in range(int(count * 0.618) | 1, count + 3, 2) if math.gcd(s, count) == 1)
    )
    for start in range(0, count, CHUNK_ROWS):
        at = np.arange(start, min(start + CHUNK_ROWS, count), dtype=np.int64)
        yield at * step % count


def write(folder, rows, seed=0, parties=("a", "b")):
    """Writes a.tsv, b.tsv and their schemas; returns their sizes in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    # Arrow quotes the names of a header whatever it is told.
    options = pyarrow.csv.WriteOptions(delimiter="\t", quoting_style="none", include_header=False)
    for party in parties:
        (folder / f"{party}.schema.toml").write_text(schema_toml(party))
        chunks = (chunk(party, at, seed) for at in order(party, rows))
        first = next(chunks)
        with (folder / f"{party}.tsv").open("wb") as file:
            file.write("\t".join(first.schema.names).encode() + b"\n")
            with pyarrow.csv.CSVWriter(file, first.schema, write_options=options) as writer:
                writer.write_batch(first)
                for batch in chunks:
                    writer.write_batch(batch)
    return {party: (folder / f"{party}.tsv").stat().st_size for party in parties}


def main():
    parser = argparse.ArgumentParser(description="Text files of the seed's shape.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(json.dumps(write(given.out, given.rows, given.seed)))


if __name__ == "__main__":
    main()
