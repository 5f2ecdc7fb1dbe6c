"""Runs one target: mutates its examples, calls its parser, and judges what comes out."""

import hashlib
import random
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fuzzing.mutations import Shape, any_bytes

SLOW_SECONDS = 5.0
"""One execution that takes longer is a finding: no parser may be made to work that long by so few bytes."""


@dataclass(frozen=True)
class Target:
    """A parser of untrusted bytes, and what may come out of it."""

    name: str
    examples: Sequence[bytes]
    parse: Callable[[bytes], object]
    """Returns anything, or raises one of `errors`; it checks itself what an accepted input must fulfil."""
    errors: tuple[type[Exception], ...]
    shapes: Sequence[Shape] = ()
    """Beside `any_bytes`."""
    depth: str = "deep"
    """"shallow": nearly everything is refused by an outer check (a tag, a signature, a digest)."""
    weight: int = 4
    """Its share of the executions of a run."""

    def mutant(self, rng: random.Random) -> bytes:
        """The next input. Half of them by shape, where there is one."""
        example = rng.choice(self.examples)
        shape = rng.choice(self.shapes) if self.shapes and rng.random() < 0.6 else any_bytes
        data = shape(rng, example, self.examples)
        return any_bytes(rng, data, self.examples) if rng.random() < 0.1 else data


@dataclass
class Finding:
    """An input that did what none may do."""

    target: str
    data: bytes
    what: str

    @property
    def name(self) -> str:
        return f"{self.target}-{hashlib.sha256(self.data).hexdigest()[:12]}"


@dataclass
class Report:
    """What became of the executions of one target."""

    target: str
    seed: int
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def executions(self) -> int:
        return self.accepted + self.refused + len(self.findings)


def execute(target: Target, data: bytes) -> bool:
    """Whether the input was accepted. Raises whatever else than the target's errors comes out."""
    try:
        target.parse(data)
    except target.errors:
        return False
    return True


def check_examples(target: Target) -> None:
    """Every example is accepted: a mutation of something that is refused anyway tells nothing."""
    for example in target.examples:
        assert execute(target, example), (target.name, example[:200])


def run(
    target: Target,
    seed: int,
    *,
    executions: int | None = None,
    seconds: float | None = None,
    note: Callable[[bytes], None] = lambda _: None,
    most_findings: int = 20,
) -> Report:
    """Until `executions` or `seconds` are used up. `note` is told each input before it is tried."""
    report = Report(target.name, seed)
    rng = random.Random(f"{seed} {target.name}")
    begin = time.monotonic()
    unraisable: list[str] = []
    sys.unraisablehook = lambda told: unraisable.append(repr(told.exc_value))
    while not _done(report, executions, seconds, begin):
        data = target.mutant(rng)
        note(data)
        _judge(target, report, data)
        if unraisable:  # an error that a library swallowed in a callback of ours
            report.findings.append(Finding(target.name, data, unraisable.pop()))
        if len(report.findings) >= most_findings:
            break
    report.seconds = time.monotonic() - begin
    return report


def _done(report: Report, executions: int | None, seconds: float | None, begin: float) -> bool:
    if executions is not None and report.executions >= executions:
        return True
    return seconds is not None and time.monotonic() - begin >= seconds


def _judge(target: Target, report: Report, data: bytes) -> None:
    start = time.monotonic()
    try:
        accepted = execute(target, data)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as wrong:  # noqa: BLE001 — also a panic of native code, which is no Exception
        told = "".join(traceback.format_exception(wrong)[-4:])
        report.findings.append(Finding(target.name, data, told))
        return
    took = time.monotonic() - start
    if took > SLOW_SECONDS:
        report.findings.append(Finding(target.name, data, f"took {took:.1f} s"))
    elif accepted:
        report.accepted += 1
    else:
        report.refused += 1


def keep(finding: Finding, folder: Path) -> Path:
    """Write the reproducer: the input, and beside it what happened."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{finding.name}.bin"
    path.write_bytes(finding.data)
    path.with_suffix(".txt").write_text(finding.what)
    return path
