"""The compiled core against DeepCTR-Torch's and FuxiCTR's AFM on the same rows, ratios in one run.

Run: python bench/peers.py [--fuxictr DIR] [--venv DIR] [--rows 65536] [--seconds 20] [--only NAME]. The
peers get an environment of their own, made here. FuxiCTR's wheel holds no models: its AFM is read from the
checkout of github.com/reczoo/FuxiCTR that --fuxictr names. Each peer is measured as it comes, and with
glibc's allocator told to keep memory; ours after each, so that a change of the machine's mood shows.
"""

import argparse
import itertools
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

PACKAGES = ("torch==2.13.0", "deepctr-torch==0.3.0", "lightgbm==4.7.0", "requests")
FUXICTR_PACKAGES = (
    "pandas",
    "pyyaml",
    "scikit-learn",
    "h5py",
    "tqdm",
    "pyarrow",
    "polars",
    "keras_preprocessing",
)
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"}
WAYS = {"as it comes": {}, "allocator tuned": TUNED}
HERE = Path(__file__).parent


def options(description):
    """What the scripts that measure peers are asked for."""
    asked = argparse.ArgumentParser(description=description)
    asked.add_argument("--venv", type=Path, default=HERE / "out" / "peers-venv")
    asked.add_argument("--fuxictr", type=Path, help="a checkout of FuxiCTR; without it, DeepCTR-Torch alone")
    return asked


class Peers:
    """The peers' interpreter, with what they need, installed on first use; their modules by name."""

    def __init__(self, venv, fuxictr):
        packages = {*PACKAGES, *(FUXICTR_PACKAGES if fuxictr else ())}
        self.modules = {"DeepCTR-Torch": "peers_deepctr"} | ({"FuxiCTR": "peers_fuxictr"} if fuxictr else {})
        self._python, self._fuxictr = venv / "bin" / "python", fuxictr and fuxictr.resolve()
        installed = venv / "peers.json"
        if not self._python.exists():
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        known = set(json.loads(installed.read_text())) if installed.exists() else set()
        if not packages <= known:
            subprocess.run([self._python, "-m", "pip", "install", "--quiet", *sorted(packages)], check=True)
            installed.write_text(json.dumps(sorted(packages | known)))

    def run(self, name, file, *arguments, settings):
        """What peers_worker.py prints of the peer of this name."""
        return self.run_module(self.modules[name], file, *arguments, settings=settings)

    def run_module(self, module, file, *arguments, settings):
        """The same of a module that is no AFM."""
        if self._fuxictr:
            source = self._fuxictr / "model_zoo" / "AFM" / "src"
            settings = settings | {"PYTHONPATH": f"{self._fuxictr}{os.pathsep}{source}"}
        command = [self._python, HERE / "peers_worker.py", module, file, *map(str, arguments)]
        done = subprocess.run(command, env=os.environ | settings, check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout.splitlines()[-1])


def ours(data, features, path):
    engine = Engine(path, len(os.sched_getaffinity(0)))
    trained, predicted = fast(
        AfmParameters(embedding_size=16, attention_size=16), data, features, engine, repeat=3
    )
    return {"trained": round(trained), "predicted": round(predicted)}


def measured(peers, names, rows, seconds):
    """One line per peer, allocator and path."""
    indices, values, labels, features = zipf.rows(rows)
    data, widths = Batch(indices, values, labels), zipf.sizes()
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "rows.npz"
        np.savez(file, indices=indices, labels=labels, widths=widths, starts=zipf.starts(widths))
        for name, (way, settings) in itertools.product(names, WAYS.items()):
            theirs = peers.run(name, file, "speed", seconds, settings=settings)
            for path in library.paths()[::-1]:
                mine = ours(data, features, path)
                ratios = {f"{what}_ratio": round(mine[what] / theirs[what], 1) for what in theirs}
                line = {"peer": name, "way": way, "path": Isa(path).name, "ours": mine, "theirs": theirs}
                yield line | ratios


def rows(scale):
    """See rows.py. The path that is fastest here, and AVX2, against each peer on the same rows.

    FuxiCTR takes part when the environment's FUXICTR names a checkout of it.
    """
    checkout = os.environ.get("FUXICTR")
    try:
        peers = Peers(HERE / "out" / "peers-venv", Path(checkout) if checkout else None)
    except (subprocess.CalledProcessError, OSError) as cause:
        raise Skipped(f"the peers' environment can't be made here ({cause})") from None
    count, seconds = (65_536, 20) if scale is Scale.FULL else (16_384, 5)
    lines = measured(peers, peers.modules, count, seconds)
    for (name, way), group in itertools.groupby(lines, lambda line: (line["peer"], line["way"])):
        by_path = {line["path"]: line for line in group}
        for what, theirs in by_path[Isa.PORTABLE.name]["theirs"].items():
            best = max(by_path, key=lambda path: by_path[path]["ours"][what])
            for path in dict.fromkeys((best, Isa.AVX2.name)):
                if path in by_path:
                    title = f"AFM {what} by {path}, against {name} {way}"
                    yield Row(title, by_path[path]["ours"][what], theirs, "rows/s")


def main():
    asked = options(__doc__)
    asked.add_argument("--rows", type=int, default=65_536)
    asked.add_argument("--seconds", type=float, default=20)
    asked.add_argument("--only", metavar="NAME", help="one peer: DeepCTR-Torch or FuxiCTR")
    chosen = asked.parse_args()
    peers = Peers(chosen.venv, chosen.fuxictr)
    names = [name for name in peers.modules if chosen.only in (None, name)]
    for line in measured(peers, names, chosen.rows, chosen.seconds):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
