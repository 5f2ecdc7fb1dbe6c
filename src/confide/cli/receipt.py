"""`confide receipt`: check, offline, what was done."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from confide.app.files import CONFIG_FILE
from confide.cli.output import SIMULATED_WARNING, Format, OutputFormat, plain, show
from confide.core.errors import ConfigurationError

if TYPE_CHECKING:
    from confide.app.receipts import Anchors, VerifiedReceipt

CaOption = Annotated[Path | None, typer.Option(help="The CA's certificate.")]
RootOption = Annotated[
    list[str] | None, typer.Option(help="Trust root: intel, or a PEM or DER file; repeatable.")
]
MeasurementOption = Annotated[
    list[str] | None, typer.Option(help="Accepted measurement; repeatable. Default: any, shown.")
]
ConfigOption = Annotated[
    Path, typer.Option(help="Where CA, roots and measurements are taken from if not given.")
]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def receipt_commands() -> None:
    """Check the receipt of a task."""


@app.command()
def verify(
    *,
    receipt: Annotated[Path, typer.Argument(metavar="FILE", help="A task's receipt.json.")],
    ca: CaOption = None,
    root: RootOption = None,
    mrenclave: MeasurementOption = None,
    config: ConfigOption = Path(CONFIG_FILE),
    output: OutputFormat = Format.TEXT,
) -> None:
    """Verify who signed a receipt, what was done, and in which enclave.

    And that the enclave has ended. Needs no network.
    """
    from confide.app.receipts import verify_receipt

    verified = verify_receipt(receipt, anchors_of(ca, root, mrenclave, config))
    if output is Format.JSON:
        show(output, "", verified.document())
        return
    _print(Console(highlight=False), verified)


def anchors_of(
    ca: Path | None, root: list[str] | None, mrenclave: list[str] | None, config: Path
) -> "Anchors":
    """Trust anchors are the verifier's own: given, or from its configuration, never from the receipt."""
    from confide.app.identity import read_public
    from confide.app.party_config import load_config
    from confide.app.receipts import Anchors
    from confide.attestation.roots import TrustRoots

    if ca is not None and root:
        return Anchors(read_public(ca), TrustRoots.read(root), tuple(mrenclave or ()))
    if not config.exists():
        raise ConfigurationError(
            "a file can't vouch for itself: give --ca and --root, or run where a confide.toml is"
        )
    loaded = load_config(config)
    ca_path = ca if ca is not None else loaded.path(loaded.config.identity) / "ca.pem"
    roots = TrustRoots.read(root) if root else loaded.roots()
    return Anchors(read_public(ca_path), roots, tuple(mrenclave or loaded.config.attestation.mrenclave))


def print_steps(console: Console, steps: tuple[str, ...]) -> None:
    """One line each; NOT in a step tells that something was not there to be checked."""
    for number, step in enumerate(steps, 1):
        mark = "[yellow]![/]" if "NOT" in step else "[green]✓[/]"
        console.print(f"{mark} {number}. {plain(step)}", soft_wrap=True)


def _print(console: Console, verified: "VerifiedReceipt") -> None:
    from confide.cli.outcome import show_outcome

    print_steps(console, verified.steps)
    receipt = verified.signed.receipt
    if verified.claims.simulated:
        console.print(f"[bold yellow]{SIMULATED_WARNING}[/]")
    started, closed = (
        datetime.fromtimestamp(at, UTC).isoformat() for at in (receipt.started_at, receipt.closed_at)
    )
    console.print(f"task {plain(receipt.task_id)}, {started} to {closed}", soft_wrap=True)
    console.print(f"measurement {verified.claims.measurement}")
    rounds = verified.document()["rounds"]
    shown = {
        "rounds": rounds,
        "curve": [],
        "metrics": {},
        "model": None,
        "predictions": None,
        "receipt": None,
    }
    show_outcome(console, shown)
    for done in rounds:
        console.print(
            f"{done['kind']}: {done['result']['kind']} SHA-384 {done['result']['sha384']}", soft_wrap=True
        )
    console.print(receipt.destruction, soft_wrap=True)
    console.print("[bold green]The receipt is valid.[/]")
