"""`confide parity`: does sharing cost quality?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from confide.algorithms.model import Model
from confide.app.parity import Parity, Rehearsal, compare, rehearse, shared_from_file
from confide.app.system import SystemClock, SystemRandomness
from confide.cli.output import Format, plain, show
from confide.core.errors import ConfigurationError, WorkFailed
from confide.data.dataset import PreparedDataset


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
    output: Annotated[Format, typer.Option("--format")] = Format.TEXT,
) -> None:
    """Train plainly and shared on the same data, and tell the difference.

    Needs all parties' data on one machine. Exit code 0 whatever the difference is: it is told, not judged.
    """
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


def _dataset(given: str) -> tuple[str, PreparedDataset]:
    party, separator, folder = given.partition("=")
    if not separator:
        raise ConfigurationError(f"--data {given}: write PARTY=FOLDER")
    return party, PreparedDataset.open(Path(folder))


def _rehearsed(rehearsal: Rehearsal, console: Console) -> Model:
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


def _print(console: Console, found: Parity) -> None:
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
