"""`confide parity`: does sharing cost quality?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from confide.app.system import SystemClock, SystemRandomness
from confide.cli.output import Format, OutputFormat, plain, show
from confide.core.errors import ConfigurationError, WorkFailed

if TYPE_CHECKING:
    from confide.algorithms.model import Model
    from confide.app.parity import Parity, Rehearsal
    from confide.data.dataset import PreparedDataset

PANEL = "Use and check results"
"""Of the help page: this is the one command that stands in no group."""

app = typer.Typer()


@app.command(rich_help_panel=PANEL)
def parity(
    *,
    task: Annotated[Path, typer.Argument(metavar="TASK.toml", help="A training task.")],
    data: Annotated[list[str], typer.Option(help="PARTY=FOLDER: a prepared dataset; one for each party.")],
    model: Annotated[
        Path | None,
        typer.Option(
            help="A model that an enclave returned for this task. Default: the enclave's code, here."
        ),
    ] = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Train plainly and shared on the same data: is the model the same?

    Needs all parties' data on one machine. Exit code 0 whatever the difference is: it is told, not judged.
    """
    from confide.app.parity import Rehearsal, compare, shared_from_file

    rehearsal = Rehearsal.read(task, dict(map(_dataset, data)))
    console = Console(highlight=False, quiet=output is Format.JSON)
    if model is not None:
        found = compare(rehearsal, shared_from_file(model, rehearsal), str(model))
    else:
        found = compare(rehearsal, _rehearsed(rehearsal, console), "the enclave's code, in this process")
    if output is Format.JSON:
        show(output, "", found.document())
        return
    _print(console, found)


def _dataset(given: str) -> "tuple[str, PreparedDataset]":
    from confide.data.dataset import PreparedDataset

    party, separator, folder = given.partition("=")
    if not separator:
        raise ConfigurationError(f"--data {given}: write PARTY=FOLDER")
    return party, PreparedDataset.open(Path(folder))


def _rehearsed(rehearsal: "Rehearsal", console: Console) -> "Model":
    from rich.progress import Progress

    from confide.algorithms.model import Model
    from confide.app.parity import rehearse

    with Progress(console=console, transient=True) as progress:
        bar, stage = progress.add_task(""), ""
        for step in rehearse(rehearsal, SystemClock(), SystemRandomness()):
            if step.outcome is not None:
                return Model.read(step.outcome.data)
            if step.stage != stage:
                stage = step.stage
                progress.reset(bar, description=stage)
            progress.update(bar, completed=step.done, total=step.total)
    raise WorkFailed("the training ended without a model")


def _print(console: Console, found: "Parity") -> None:
    table = Table("on held-out rows", "plain", "shared", box=SIMPLE_HEAD)
    for name, value in found.plain.items():
        table.add_row(name, f"{value:.9f}", f"{found.shared[name]:.9f}")
    console.print(table)
    console.print(f"shared: {plain(found.source)}; {found.rows:,} rows, {found.held_out:,} of them held out")
    if found.identical:
        console.print("[bold green]Identical to the bit: every learned number, every prediction.[/]")
        return
    for name, difference in found.arrays.items():
        console.print(f"{plain(name)}: largest difference {difference:.3g}")
    console.print(f"[bold yellow]Predictions differ by {found.predictions:.3g} at most.[/]")
