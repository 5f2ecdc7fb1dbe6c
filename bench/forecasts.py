"""The memory that the enclave's work needs at its peak, measured, against what was forecast for it.

    python bench/forecasts.py [--rows 400000] [--fields 20] [--only ALGORITHM ...] [--format json]

Every registered algorithm trains on generated rows of two parties, and once more with all that an evaluation
can ask for, with statistics of every column, and with crosses of four columns. Each case is a process of its
own that runs the enclave's code on the parties' blocks: join, encode, train, evaluate, model file. There are
no channels, so their part of the forecast is left out. Above 1 the forecast promised too little.
"""

import argparse
import itertools
import json
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from memory import own_peak
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rows import Row, Scale
from spool import PARTIES, OnDisk, columns_of, write

from confide.algorithms import registry
from confide.app.parity import Rehearsal, rehearse
from confide.app.system import SystemClock, SystemRandomness
from confide.app.task_file import read_train
from confide.data.arrow import give_memory_back
from confide.enclave.storage.forecast import channel_bytes, forecast

SPAWN = multiprocessing.get_context("spawn")
MIB = 1 << 20
PLAIN, EVERYTHING = "plain", "evaluation, tuning, gate"
STATISTICS, CROSSES = "statistics", "crosses"
CASES = (PLAIN, EVERYTHING, STATISTICS, CROSSES)
PARAMETERS = {"gbdt": {"trees": 20}}
OTHERS = {"epochs": 1}
"""Of the algorithms that learn in batches."""
TASK = """\
name = "forecast"
dataset = "prepared"
providers = ["b"]
release_held_out = {held_out}
[id]
name = "id"
type = "string"
[label]
name = "label"
[encoding]
vocabulary = "hashed"
bits = 14
"""
ALL_PARTS = """\
[evaluation]
holdout = 0.3
validation = 0.1
lift = true
resamples = 20
importance = 1
cross_validation = 2
thresholds = [0.5]
[tuning]
method = "grid"
trials = 2
minutes = 60
parameters = { seed = [1, 2] }
[gate]
membership_advantage = 1.0
leakage_auc = 1.0
"""


def task_toml(case, algorithm, fields):
    """TASK.toml."""
    lines = [TASK.format(held_out=str(case == EVERYTHING).lower())]
    for party in PARTIES:
        lines.append(f"[features.{party}]")
        lines += [f'c{column} = "categorical"' for column in columns_of(party, fields)]
    lines.append(f'[algorithm]\nname = "{algorithm}"\n[algorithm.parameters]')
    lines += [f"{name} = {value}" for name, value in PARAMETERS.get(algorithm, OTHERS).items()]
    lines.append(ALL_PARTS if case == EVERYTHING else "[evaluation]\nholdout = 0.3\nalone = false")
    if case == STATISTICS:
        lines.append("[statistics]\nminimum_rows = 100")
        lines.append('figures = ["missing", "cardinality", "label-correlation", "drift"]')
    if case == CROSSES:
        lines.append("[crosses]")
        lines += [f"x{number} = {json.dumps(crossed(fields, number))}" for number in range(2)]
    return "\n".join(lines) + "\n"


def crossed(fields, number):
    """Two columns of each party, by name."""
    return [f"{party}.c{columns_of(party, fields)[2 * number + at]}" for party in PARTIES for at in range(2)]


def peak_of(folder, case, algorithm, fields):
    """One case: MiB, measured and by stage of the forecast. In a process of its own."""
    give_memory_back()
    file = folder / f"{case}-{algorithm}.toml"
    file.write_text(task_toml(case, algorithm, fields))
    rehearsal = Rehearsal(*read_train(file, "a"), {party: OnDisk(folder, party) for party in PARTIES})
    manifests = {party: data.manifest for party, data in rehearsal.datasets.items()}
    expected = forecast(rehearsal.task, rehearsal.algorithm(), manifests)
    channels = sum(map(channel_bytes, manifests.values()))
    peaks = {}
    for step in rehearse(rehearsal, SystemClock(), SystemRandomness()):
        if step.outcome is None:
            peaks[step.stage] = own_peak()
    stages = {name: (size - channels) / MIB for name, size in expected.stages.items()}
    return {
        "measured": own_peak(),
        "forecast": max(stages.values()),
        "stages": stages,
        "peak_by_the_end_of": peaks,
    }


def apart(*given):
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        return pool.submit(peak_of, *given).result()


def measured(count, fields, cases, algorithms):
    """{"case", "algorithm", and what peak_of gives} of each."""
    with tempfile.TemporaryDirectory(prefix="confide-forecasts-") as place:
        folder = Path(place)
        for party in PARTIES:
            write(folder, party, count, fields)
        for case, algorithm in itertools.product(cases, algorithms):
            sys.stderr.write(f"{algorithm}, {case}\n")
            yield {"case": case, "algorithm": algorithm} | apart(folder, case, algorithm, fields)


def rows(scale):
    """See rows.py. Below 1: the forecast holds."""
    if scale is Scale.FULL:
        found = measured(400_000, 20, (PLAIN, EVERYTHING), sorted(registry.ALGORITHMS))
        found = itertools.chain(found, measured(400_000, 20, (STATISTICS, CROSSES), ("linear",)))
    else:
        found = measured(100_000, 12, (PLAIN,), ("gbdt", "mlp"))
    for entry in found:
        title = f"peak of {entry['algorithm']}, {entry['case']}, against its forecast"
        yield Row(title, entry["measured"], entry["forecast"], "MiB")


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=400_000)
    asked.add_argument("--fields", type=int, default=20)
    asked.add_argument("--only", nargs="+", choices=sorted(registry.ALGORITHMS), metavar="ALGORITHM")
    asked.add_argument("--case", nargs="+", choices=CASES, default=CASES)
    asked.add_argument("--format", choices=("text", "json"), default="text")
    given = asked.parse_args()
    found = list(measured(given.rows, given.fields, given.case, given.only or sorted(registry.ALGORITHMS)))
    if given.format == "json":
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    table = Table("", "", "measured, MiB", "forecast, MiB", "ratio", box=SIMPLE_HEAD)
    for entry in found:
        ratio = entry["measured"] / entry["forecast"]
        figures = (f"{entry['measured']:.0f}", f"{entry['forecast']:.0f}", f"{ratio:.2f}")
        table.add_row(entry["algorithm"], entry["case"], *figures)
    Console(width=100).print(table, highlight=False)


if __name__ == "__main__":
    main()
