"""Try every mishap at every step of a task of real processes: `scripts/try_mishaps.py [--mishap NAME …]
[--times N] --json FILE`; with `--table FILE …`, print what such files hold as the table of
docs/explanation/reliability.md.

Exits with 1 if anything was lost without a word.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from fakes.mishaps import MISHAPS, Arena, Case, steps_of  # noqa: E402

from confide.core.errors import ConfideError  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mishap", action="append", choices=[*MISHAPS], help="repeatable; default: all")
    parser.add_argument("--step", action="append", help="repeatable; default: all")
    parser.add_argument("--times", type=int, default=1, help="how often each")
    parser.add_argument("--json", type=Path, help="append one line per case to this file")
    parser.add_argument("--table", type=Path, nargs="+", help="try nothing: print these files as a table")
    arguments = parser.parse_args()
    if arguments.table:
        print(table([json.loads(line) for path in arguments.table for line in path.open()]))
        return 0
    cases = []
    with tempfile.TemporaryDirectory() as folder, Arena(Path(folder)) as arena:
        for mishap in arguments.mishap or MISHAPS:
            for step in arguments.step or steps_of(mishap):
                again = range(arguments.times)
                cases.extend(tried(arena, mishap, step, arguments.json) for _ in again)
    print(table(cases))
    return 1 if any(case["lost"] for case in cases) else 0


def tried(arena: Any, mishap: str, step: str, out: Path | None) -> dict[str, Any]:
    """One case; it is told at once, and appended to the file."""
    try:
        case: dict[str, Any] = arena.run(mishap, step).document()
    except (AssertionError, subprocess.TimeoutExpired, ConfideError) as endless:
        case = Case(mishap, step, lost=[f"no end: {endless}"[:1000]]).document()
    told = f"initiator {case['initiator']}, provider {case['provider']}, host: {case['outcome']}"
    print(f"{mishap:36} {step:18} {case['seconds']:5.1f} s  {told}", *case["lost"], sep="  ", flush=True)
    if out is not None:
        with out.open("a") as file:
            file.write(json.dumps(case) + "\n")
    return case


def table(cases: list[dict[str, Any]]) -> str:
    """One row per mishap."""
    rows = [
        "| mishap | steps | tried | as undisturbed in the end | ended, told alike | lost without a word |",
        "|---|---|---|---|---|---|",
    ]
    for mishap in dict.fromkeys(case["mishap"] for case in cases):
        own = [case for case in cases if case["mishap"] == mishap]
        completed = sum(case["completed"] for case in own)
        lost = sum(bool(case["lost"]) for case in own)
        steps = len({case["step"] for case in own})
        rows.append(
            f"| {mishap} | {steps} | {len(own)} | {completed} | {len(own) - completed - lost} | {lost} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
