"""`confide attest`: look at evidence and verify it, standing alone."""

from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.table import Table

from confide.app.files import read_bounded
from confide.app.system import SystemClock
from confide.attestation.claims import Claims
from confide.attestation.policy import (
    UP_TO_DATE,
    AllOf,
    Measurements,
    NotDebug,
    PlatformFlags,
    Policy,
    TcbStatuses,
    UnsafeAnyMeasurement,
)
from confide.attestation.roots import TrustRoots
from confide.attestation.verifier import Step, verify_quote
from confide.cli.output import Format, OutputFormat, show
from confide.core import limits
from confide.core.errors import AttestationError, CollateralExpired, InvalidEvidence, PolicyViolation

app = typer.Typer(no_args_is_help=True)

_ENDED_AT = {CollateralExpired: Step.WINDOW, PolicyViolation: Step.POLICY}
"""The library checks signatures, window and debug mode in one call: its refusal tells which it was."""
_LAST = Step.POLICY
"""Step 7, the binding, needs the channel that the evidence came over."""


@app.callback()
def attest() -> None:
    """Look at attestation evidence."""


@app.command()
def verify(
    *,
    quote: Annotated[Path, typer.Argument(metavar="QUOTE", help="A DCAP quote, SGX v3 or TDX v4, binary.")],
    collateral: Annotated[Path, typer.Option(help="Its collateral, JSON.")],
    root: Annotated[str, typer.Option(help="The trust root: intel, or a PEM or DER file.")],
    at: Annotated[int | None, typer.Option(help="Verify as of this Unix time; default: now.")] = None,
    mrenclave: Annotated[
        list[str] | None, typer.Option(help="Accepted measurement (MRENCLAVE or MRTD), hexadecimal.")
    ] = None,
    allow_status: Annotated[
        list[str] | None, typer.Option(help=f"Accepted TCB status; default: {UP_TO_DATE} only.")
    ] = None,
    allow_dynamic_platform: Annotated[
        bool,
        typer.Option("--allow-dynamic-platform", help="Accept a machine to which packages can be added."),
    ] = False,
    allow_cached_keys: Annotated[
        bool,
        typer.Option(
            "--allow-cached-keys", help="Accept a machine whose keys the registration server keeps."
        ),
    ] = False,
    allow_smt: Annotated[
        bool, typer.Option("--allow-smt", help="Accept a machine with simultaneous multithreading.")
    ] = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Verify a quote, step by step, and show what it says."""
    flags = PlatformFlags(
        allow_dynamic_platform=allow_dynamic_platform,
        allow_cached_keys=allow_cached_keys,
        allow_smt=allow_smt,
    )
    software: Policy = Measurements(mrenclave) if mrenclave else UnsafeAnyMeasurement()
    policy = AllOf(software, TcbStatuses(allow_status or [UP_TO_DATE]), flags, NotDebug())
    steps = _Steps(Console(highlight=False), quiet=output is Format.JSON)
    with steps:
        claims = verify_quote(
            read_bounded(quote, limits.MAX_QUOTE_BYTES, InvalidEvidence),
            read_bounded(collateral, limits.MAX_COLLATERAL_BYTES, InvalidEvidence),
            roots=TrustRoots.read([root]),
            policy=policy,
            now=SystemClock().now() if at is None else at,
            observe=steps.passed,
        )
    if output is Format.JSON:
        result = {
            "steps": [{"number": int(step), "title": step.title} for step in steps.done],
            "claims": claims.to_document(),
            "measurement_checked": bool(mrenclave),
        }
        show(output, "", result)
        return
    steps.console.print(_table(claims))
    for warning in _warnings(claims, checked=bool(mrenclave)):
        steps.console.print(warning, style="bold red")


class _Steps:
    """Prints ✓ for each step that has passed, and ✗ for the one at which verification ended."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self.console = console
        self._quiet = quiet
        self._next = int(Step.FORM)
        self.done: list[Step] = []

    def passed(self, step: Step) -> None:
        self._print("✓", step, "green")
        self.done.append(step)
        self._next = step + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AttestationError):
            self._print("✗", _ENDED_AT.get(type(error), Step(min(self._next, _LAST))), "red")

    def _print(self, mark: str, step: Step, style: str) -> None:
        if not self._quiet:
            self.console.print(f"{mark} {int(step)}. {step.title}", style=style)


def _table(claims: Claims) -> Table:
    table = Table("claim", "value", title="Claims of the verified quote")
    table.columns[1].overflow = "fold"
    for name, value in claims.to_document().items():
        table.add_row(name.replace("_", " "), _text(value))
    return table


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value)) or "none"
    if value is None:
        return "not stated"
    return str(value) if value != "" else "none"


def _warnings(claims: Claims, *, checked: bool) -> list[str]:
    warnings = []
    if claims.simulated:
        warnings.append(
            f"SIMULATED: {claims.trust_root} is the root of a simulated machine. It protects nothing."
        )
    if not checked:
        warnings.append(
            "No --mrenclave was given: this says that a TEE made the quote, not which software ran in it."
        )
    return warnings
