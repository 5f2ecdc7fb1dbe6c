"""The compiled core against DeepCTR-Torch's AFM on the same rows, ratios in one run.

Run: python bench/peers.py [--venv DIR] [--rows 65536] [--seconds 20]. The peer gets an environment of its
own, made here. It is measured as it comes, and with glibc's allocator told to keep memory; ours after each,
so that a change of the machine's mood shows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import zipf
from engine import fast
from rows import Row, Scale, Skipped

from confide.algorithms.afm import AfmParameters
from confide.algorithms.base import Batch
from confide.algorithms.engine import library
from confide.algorithms.engine.library import Path as Isa
from confide.algorithms.engine.network import Engine

PACKAGES = ("torch==2.13.0", "deepctr-torch==0.3.0", "requests")
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"}
HERE = Path(__file__).parent


def environment(place):
    """The peers' interpreter, installed on first use."""
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def peer(python, rows, seconds, settings):
    command = [python, HERE / "peers_deepctr.py", rows, str(seconds)]
    done = subprocess.run(command, env=os.environ | settings, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def ours(data, features, path):
    engine = Engine(path, len(os.sched_getaffinity(0)))
    trained, predicted = fast(
        AfmParameters(embedding_size=16, attention_size=16), data, features, engine, repeat=3
    )
    return {"trained": round(trained), "predicted": round(predicted)}


def rows(scale):
    """See rows.py. The core as it chooses by itself, against DeepCTR-Torch on the same rows."""
    try:
        python = environment(HERE / "out" / "peers-venv")
    except (subprocess.CalledProcessError, OSError) as cause:
        raise Skipped(f"the peers' environment can't be made here ({cause})") from None
    count, seconds = (65_536, 20) if scale is Scale.FULL else (16_384, 8)
    indices, values, labels, features = zipf.rows(count)
    mine = ours(Batch(indices, values, labels), features, Engine.fastest().path)
    with tempfile.TemporaryDirectory() as place:
        file = saved(Path(place) / "rows.npz", indices, labels)
        for name, settings in (("as it comes", {}), ("allocator tuned", TUNED)):
            theirs = peer(python, file, seconds, settings)
            for what in theirs:
                yield Row(f"AFM {what}, against DeepCTR-Torch {name}", mine[what], theirs[what], "rows/s")


def saved(file, indices, labels):
    """The rows for the peer's process."""
    widths = zipf.sizes()
    starts = np.concatenate(([0], np.cumsum(widths)[:-1]))
    np.savez(file, indices=indices, labels=labels, widths=widths, starts=starts)
    return file


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--venv", type=Path, default=HERE / "out" / "peers-venv")
    options.add_argument("--rows", type=int, default=65_536)
    options.add_argument("--seconds", type=float, default=20)
    chosen = options.parse_args()
    python = environment(chosen.venv)
    indices, values, labels, features = zipf.rows(chosen.rows)
    data = Batch(indices, values, labels)
    with tempfile.TemporaryDirectory() as place:
        file = saved(Path(place) / "rows.npz", indices, labels)
        for name, settings in (("as it comes", {}), ("allocator tuned", TUNED)):
            theirs = peer(python, file, chosen.seconds, settings)
            for path in library.paths()[::-1]:
                mine = ours(data, features, path)
                ratios = {f"{what}_ratio": round(mine[what] / theirs[what], 1) for what in theirs}
                line = {"peer": name, "path": Isa(path).name, "ours": mine, "theirs": theirs, **ratios}
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
