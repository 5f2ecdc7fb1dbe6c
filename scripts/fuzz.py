"""Fuzz every parser of untrusted bytes: `scripts/fuzz.py [TARGET …] [--seconds N | --executions N] [--seed
S]`.

Each target runs in a process of its own, so that a crash of native code is found, too: the last input
lies in memory shared with it. Prints executions per target; writes each finding with its input; exits
with 1 if there is one.
"""

import argparse
import faulthandler
import json
import mmap
import multiprocessing
import random
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from fuzzing.harness import Finding, Report, Target, keep, run  # noqa: E402
from fuzzing.targets import all_targets  # noqa: E402

_MOST_INPUT = 1 << 22
_SHORTEST = 2.0


@dataclass
class Line:
    """What is printed of one target."""

    target: str
    executions: int
    accepted: int
    seconds: float
    depth: str
    findings: list[str]


class Last:
    """The input that is being tried, where another process can see it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _MOST_INPUT + 8)

    def note(self, data: bytes) -> None:
        data = data[:_MOST_INPUT]
        self._memory[: 8 + len(data)] = len(data).to_bytes(8, "little") + data

    def read(self) -> bytes:
        length = int.from_bytes(self._memory[:8], "little")
        return bytes(self._memory[8 : 8 + length])


def fuzz(
    target: Target, arguments: argparse.Namespace, executions: int | None, seconds: float | None
) -> Line:
    """One target in a child; a child that dies is a finding."""
    context = multiprocessing.get_context("fork")
    last, (ours, theirs) = Last(), context.Pipe(duplex=False)

    def work() -> None:
        faulthandler.enable()
        ours.close()
        theirs.send(run(target, arguments.seed, executions=executions, seconds=seconds, note=last.note))

    # The target's functions don't pickle: the child is a fork, and inherits them.
    child = context.Process(target=work)
    begin = time.monotonic()
    child.start()
    theirs.close()
    try:
        report: Report | None = _received(ours)
    finally:
        child.join()
    if report is None:
        died = Finding(target.name, last.read(), f"the process ended with {child.exitcode}")
        return Line(
            target.name, 0, 0, time.monotonic() - begin, target.depth, [_kept(died, arguments.findings)]
        )
    paths = [_kept(finding, arguments.findings) for finding in report.findings]
    return Line(target.name, report.executions, report.accepted, report.seconds, target.depth, paths)


def _received(pipe: Connection) -> Report | None:
    try:
        received = pipe.recv()
    except EOFError:
        return None
    return received if isinstance(received, Report) else None


def _kept(finding: Finding, folder: Path) -> str:
    return str(keep(finding, folder))


def shares(
    targets: list[Target], arguments: argparse.Namespace
) -> list[tuple[Target, int | None, float | None]]:
    """Seconds are shared equally; executions by weight."""
    if arguments.executions is not None:
        total = sum(target.weight for target in targets)
        return [(target, max(1, arguments.executions * target.weight // total), None) for target in targets]
    each = max(_SHORTEST, arguments.seconds / len(targets))
    return [(target, None, each) for target in targets]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="names; all if none is given")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--executions", type=int, help="for all targets together, instead of --seconds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--findings", type=Path, default=ROOT / "fuzz-findings")
    parser.add_argument("--json", type=Path, help="append one line per target to this file")
    arguments = parser.parse_args()
    known = all_targets()
    if unknown := set(arguments.targets) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    chosen = [known[name] for name in arguments.targets or known]
    print(f"seed {arguments.seed}, {len(chosen)} targets", flush=True)
    lines = []
    for target, executions, seconds in shares(chosen, arguments):
        line = fuzz(target, arguments, executions, seconds)
        lines.append(line)
        _print(line, arguments)
    total = sum(line.executions for line in lines)
    findings = [path for line in lines for path in line.findings]
    print(f"{total:,} executions, {len(findings)} findings")
    return 1 if findings else 0


def _print(line: Line, arguments: argparse.Namespace) -> None:
    rate = line.executions / line.seconds if line.seconds else 0.0
    print(
        f"{line.target:24} {line.executions:>11,} executions {line.accepted:>9,} accepted "
        f"{line.seconds:8.1f} s {rate:>9,.0f}/s  {line.depth}",
        flush=True,
    )
    for path in line.findings:
        print(f"    FINDING {path}", flush=True)
    if arguments.json:
        with arguments.json.open("a") as file:
            file.write(json.dumps({"seed": arguments.seed, **vars(line)}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
