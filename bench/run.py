"""All benches, one table: python bench/run.py [--scale small|full] [--only NAME ...] [--out FILE]

`make bench` and `make bench-full` call it. Each bench runs in a process of its own. bench.json is a list with
one entry per row: {"name", "ours", "theirs", "ratio", "unit"}; what could not be measured here has nulls, and
the reason as "skipped". Ends with 1 when a bench failed.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rows import Scale, Skipped, skipped

HERE = Path(__file__).resolve().parent

# One line per bench: a module of this folder with a function rows(scale) that yields rows.Row,
# or raises rows.Skipped.
BENCHES = (
    "engine",
    "data_path",
    "whole_job",
    "peers",
    "peers_quality",
    "deep",
    "forecasts",
    "transfer",
    "storing",
    "psi",
    "early_training",
    "peaks",
    "spool",
)

NARROWEST = 120
"""Columns of the table where there is no terminal."""


def rows_of(name, scale):
    """The entries of one bench, as they are measured."""
    module = importlib.import_module(name)  # noqa: TID251 - a list of our own, and not measured code
    try:
        for row in module.rows(scale):
            yield row.document()
    except Skipped as reason:
        yield skipped(name, str(reason))


def measured_apart(name, scale):
    """The entries of one bench, run in a process of its own; (entries, whether it failed)."""
    command = [sys.executable, __file__, "--one", name, "--scale", scale]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, cwd=HERE)
    entries = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    if done.returncode:
        entries.append(skipped(name, f"it failed with exit code {done.returncode}; its words are above"))
    return entries, bool(done.returncode)


def number(value):
    """Three significant digits, or all digits before the point."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table_of(entries):
    table = Table("", "ours", "theirs", "ratio", "unit", box=SIMPLE_HEAD)
    for column in table.columns[1:4]:
        column.justify = "right"
    for entry in entries:
        if "skipped" in entry:
            table.add_row(entry["name"], "", "", "", f"[yellow]skipped: {entry['skipped']}[/]")
        else:
            figures = (number(entry[name]) for name in ("ours", "theirs", "ratio"))
            table.add_row(entry["name"], *figures, entry["unit"])
    return table


def write(entries, out):
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(entries, indent=2) + "\n")


def run(names, scale, out):
    """Measure, show and write; the exit code."""
    entries, failed = [], False
    console = Console() if sys.stdout.isatty() else Console(width=NARROWEST)
    for name in names:
        began = time.perf_counter()
        found, bad = measured_apart(name, scale)
        entries, failed = entries + found, failed or bad
        console.print(f"{name}: {time.perf_counter() - began:.0f} s", style="dim", highlight=False)
    console.print(table_of(entries))
    write(entries, out)
    console.print(f"written to {out}", highlight=False)
    return int(failed)


def main():
    parser = argparse.ArgumentParser(description="All benches, one table.")
    parser.add_argument("--scale", type=Scale, choices=list(Scale), default=Scale.SMALL)
    parser.add_argument("--only", nargs="+", default=BENCHES, metavar="NAME")
    parser.add_argument("--out", type=Path, default=HERE / "out" / "bench.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is None:
        return run(given.only, given.scale, given.out)
    for entry in rows_of(given.one, given.scale):
        print(json.dumps(entry), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
