"""Processor time until a command has said its first words, against another commit by turns, and Typer alone.

    python bench/start_up.py --against COMMIT [--times 7]

The other commit's source is taken out of git into a temporary folder: it needs no installation of its own.
"""

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ("--help", "task train --nothing", "task --help", "receipt verify --help", "platform serve --help")
"""Each as old as the first release: both commits know it."""
TYPER = "import typer; app = typer.Typer(); app.command()(lambda: None); app()"
RUN = "import sys; from confide.cli.main import main; sys.argv[0] = 'confide'; main()"


def seconds(source, command, code=RUN):
    """User and system time of one process."""
    environment = {**os.environ, "PYTHONPATH": str(source), "COLUMNS": "80"}
    words = [sys.executable, "-c", code, *command.split()]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 2}:
        raise SystemExit(f"{command} ended with {process.returncode} from {source}")
    return used.ru_utime + used.ru_stime


def compare(theirs, times):
    """(command, our best time, theirs) for each command; the runs take turns."""
    for command in COMMANDS:
        runs = [(seconds(ROOT / "src", command), seconds(theirs, command)) for _ in range(times + 1)]
        ours, before = (min(column) for column in zip(*runs[1:], strict=True))  # the first writes bytecode
        yield command, ours, before


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", required=True, metavar="COMMIT")
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()
    archive = subprocess.run(
        ["git", "archive", options.against, "src"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
        for command, ours, before in compare(Path(folder) / "src", options.times):
            words = f"confide {command}"
            print(f"{words:<32} {ours:6.3f} s   before {before:6.3f} s   {before / ours:5.1f} times faster")
    for command in ("--help", "--nothing"):
        least = min(seconds(ROOT / "src", command, TYPER) for _ in range(options.times))
        print(f"{f'Typer alone, {command}':<32} {least:6.3f} s")


if __name__ == "__main__":
    main()
