"""The whole protected job against the same work done plainly in one process, in the same run.

    python bench/whole_job.py [--rows 10000000] [--test-rows 1500000] [--data FOLDER] [--format json]

Text of 39 fields, split over A and B -> prepared datasets -> attestation, sealed transport, join, encoding,
one epoch of AFM (K = T = 16) -> model at A -> predictions for the test rows at A. All processes are real and
run on this machine; its cores are shared by all parties. At full scale it needs 15 GB of disk and 12 GiB of
memory. Ends with 1 when a result is wrong or a bar is missed (--no-bars: only when a result is wrong).
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import generate_rows
import numpy as np
import whole_job_files as job
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rows import Row, Scale
from whole_job_protected import Protected

from confide.algorithms import metrics, model_file

PLAIN = Path(__file__).resolve().with_name("whole_job_plain.py")
FULL_ROWS, FULL_TEST_ROWS = 10_000_000, 1_500_000
SMALL_ROWS, SMALL_TEST_ROWS = 100_000, 15_000
STARTING = ("start A", "start enclave")
"""Stages that last as long for ten rows as for ten millions."""
MOST_SECONDS, MOST_RATIO, MOST_ENCLAVE_MIB, MOST_PARTY_MIB = 150, 2.5, 6 * 1024, 2 * 1024


def plainly(data, out):
    """One process of its own; what whole_job_plain.py says."""
    out.mkdir()
    done = subprocess.run([sys.executable, PLAIN, data, out], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


class WrongResult(Exception):
    """The protected job did not give what it must."""


def require(fact, told):
    if not fact:
        raise WrongResult(told)


def check(protected, plain, out, rows, test_rows):
    """Both ways gave the same, and every row is accounted for. The test AUC. Raises WrongResult."""
    expected = {"train": rows, "predict": test_rows}
    for done in protected.outcome["rounds"]:
        for party, found in done["rows"].items():
            told = f"{done['kind']}, {party}: {found}"
            require(found["source"] == found["sent"] == found["joined"] == expected[done["kind"]], told)
    require(plain["rows"] == rows, f"{plain['rows']} rows, plainly")
    held_out = protected.outcome["metrics"]["joint"]["auc"]
    require(held_out == plain["held_out_auc"], f"held-out AUC {held_out}, plainly {plain['held_out_auc']}")
    same_model(Path(protected.result("model")), out / "model.confide")
    predictions = Path(protected.result("predictions"))
    require(predictions.read_bytes() == (out / "predictions.csv").read_bytes(), "the predictions differ")
    return test_auc(predictions, test_rows)


def same_model(first, second):
    ours, theirs = (model_file.read(path.read_bytes()).arrays for path in (first, second))
    require(ours.keys() == theirs.keys(), "the models hold other arrays")
    for name, numbers in ours.items():
        require(np.array_equal(numbers, theirs[name]), f"the models differ in {name}")


def test_auc(predictions, rows):
    """On the labels that the generator gives; every test row has one prediction."""
    with predictions.open(newline="") as file:
        found = {line["id"]: float(line["probability"]) for line in csv.DictReader(file)}
    at = np.arange(rows)
    require(len(found) == rows, f"{len(found)} predictions of {rows}")
    scores = np.fromiter((found[name] for name in generate_rows.identifiers(at).to_pylist()), float, rows)
    auc = metrics.auc(generate_rows.labels(at, job.TEST_SEED).astype(np.float32), scores)
    require(auc > 0.5, f"AUC {auc} on the test rows")
    return auc


def measured(data, rows, test_rows):
    """The document: seconds by stage and peaks of both ways, ratios, AUC. Raises WrongResult."""
    text_bytes = job.generate(data, rows, test_rows)
    with tempfile.TemporaryDirectory(prefix="confide-whole-job-", dir=data) as place:
        protected = Protected(Path(place) / "parties", data)
        protected.run()
        plain = plainly(data, Path(place) / "plain")
        auc = check(protected, plain, Path(place) / "plain", rows, test_rows)
    seconds, plain_seconds = sum(protected.seconds.values()), sum(plain["seconds"].values())
    return {
        "rows": rows,
        "test_rows": test_rows,
        "text_bytes": text_bytes,
        "seconds": seconds,
        "plain_seconds": plain_seconds,
        "ratio": seconds / plain_seconds,
        "setup_seconds": protected.setup_seconds,
        "stages": protected.seconds,
        "plain_stages": plain["seconds"],
        "peak_mib": protected.watch.peaks,
        "plain_peak_mib": plain["peak_mib"],
        "processor_seconds": protected.watch.seconds,
        "plain_processor_seconds": plain["processor_seconds"],
        "held_out_auc": plain["held_out_auc"],
        "test_auc": auc,
    }


def missed(found):
    """The bars that this run does not reach, in words."""
    peaks = found["peak_mib"]
    party = max(peak for name, peak in peaks.items() if name[:2] in {"A:", "B:"})
    told = (
        ("seconds", found["seconds"], MOST_SECONDS),
        ("ratio to the plain way", found["ratio"], MOST_RATIO),
        ("MiB of the enclave", peaks["enclave"], MOST_ENCLAVE_MIB),
        ("MiB of a party's process", party, MOST_PARTY_MIB),
    )
    return [f"{value:,.1f} {what}; at most {most:,}" for what, value, most in told if value > most]


def rows(scale):
    """See rows.py."""
    sizes = (FULL_ROWS, FULL_TEST_ROWS) if scale is Scale.FULL else (SMALL_ROWS, SMALL_TEST_ROWS)
    with tempfile.TemporaryDirectory(prefix="confide-whole-job-") as place:
        found = measured(Path(place), *sizes)
    name = f"whole job of {sizes[0]:,} rows"
    yield Row(f"{name}, against plainly", found["seconds"], found["plain_seconds"], "s")
    started = found["seconds"] - sum(found["stages"][stage] for stage in STARTING)
    yield Row(f"{name}, processes started, against plainly", started, found["plain_seconds"], "s")
    for process in ("enclave", "A: prepare", "B: prepare", "A: task", "B: task"):
        peak = found["peak_mib"][process]
        yield Row(f"{name}, peak of {process}, against plainly", peak, found["plain_peak_mib"], "MiB")


def show(found):
    console = Console()
    table = Table("stage", "protected s", "plain s", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    names = [*found["stages"], *(name for name in found["plain_stages"] if name not in found["stages"])]
    for name in names:
        both = (found[way].get(name) for way in ("stages", "plain_stages"))
        table.add_row(name, *("" if seconds is None else f"{seconds:.2f}" for seconds in both))
    table.add_section()
    table.add_row("whole", f"{found['seconds']:.1f}", f"{found['plain_seconds']:.1f}")
    console.print(table)
    console.print(processes(found))
    console.print(
        f"{found['rows']:,} + {found['test_rows']:,} rows, {found['text_bytes'] / 1e9:.2f} GB of text; "
        f"ratio {found['ratio']:.2f}; test AUC {found['test_auc']:.4f}; "
        "model and predictions are equal in every bit; "
        f"keys, certificates and services before it: {found['setup_seconds']:.1f} s",
        highlight=False,
    )


def processes(found):
    table = Table("process", "peak MiB", "processor s", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, mib in found["peak_mib"].items():
        table.add_row(name, f"{mib:,.0f}", f"{found['processor_seconds'][name]:.1f}")
    table.add_row("plain", f"{found['plain_peak_mib']:,.0f}", f"{found['plain_processor_seconds']:.1f}")
    return table


def main():
    parser = argparse.ArgumentParser(
        description="The whole protected job against the same work done plainly."
    )
    parser.add_argument("--rows", type=int, default=FULL_ROWS)
    parser.add_argument("--test-rows", type=int, default=FULL_TEST_ROWS)
    parser.add_argument("--data", type=Path, help="where the generated text is, or shall stay")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--no-bars", action="store_true", help="a missed bar is told, and no failure")
    given = parser.parse_args()
    data = given.data or Path(tempfile.mkdtemp(prefix="confide-whole-job-"))
    data.mkdir(parents=True, exist_ok=True)
    try:
        found = measured(data, given.rows, given.test_rows)
    finally:
        if given.data is None:
            shutil.rmtree(data)
    found["missed"] = missed(found)
    if given.format == "json":
        print(json.dumps(found, indent=2))
    else:
        show(found)
        for line in found["missed"]:
            print(f"MISSED: {line}")
    return 1 if found["missed"] and not given.no_bars else 0


if __name__ == "__main__":
    sys.exit(main())
