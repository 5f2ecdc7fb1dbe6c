"""`confide task`: propose, follow, receive; look and cancel."""

from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from confide.app.files import CONFIG_FILE
from confide.app.system import SystemClock, SystemRandomness
from confide.cli import explain
from confide.cli.interrupts import Interrupted, interruptible
from confide.cli.output import Format, OutputFormat, plain, show
from confide.cli.passphrase import ask_passphrase
from confide.core.errors import TaskCancelled
from confide.core.platform_api import TaskState, TaskStatus
from confide.crypto.wiping import wiped

if TYPE_CHECKING:
    from confide.app.party import Party
    from confide.app.resuming import Origin

app = typer.Typer(no_args_is_help=True)

Config = Annotated[Path, typer.Option(help="Your configuration.")]
TaskFile = Annotated[Path, typer.Argument(metavar="TASK.toml", help="What you propose.")]
TaskId = Annotated[str, typer.Argument(metavar="ID", help="The task's id.")]


def load_party(config: Path) -> "Party":
    """Our configuration and identity; asks for the passphrase."""
    from confide.app.party import Party
    from confide.app.party_config import load_config

    loaded = load_config(config)
    with wiped(ask_passphrase("your identity's key", confirm=False)) as passphrase:
        return Party.load(loaded, passphrase, clock=SystemClock(), randomness=SystemRandomness())


@app.command()
def train(
    *,
    task: TaskFile,
    then: Annotated[
        list[Path] | None, typer.Option(help="Predict with the new model, in the same enclave; repeatable.")
    ] = None,
    config: Config = Path(CONFIG_FILE),
    output: OutputFormat = Format.TEXT,
) -> None:
    """Propose a training, follow it, and receive the model."""
    from confide.app.resuming import Origin

    files = tuple(str(path.resolve()) for path in (task, *(then or [])))
    _run(load_party(config), Origin(kind="train", files=files), output)


@app.command()
def predict(
    *, task: TaskFile, config: Config = Path(CONFIG_FILE), output: OutputFormat = Format.TEXT
) -> None:
    """Propose a prediction, follow it, and receive the predictions.

    With a model of an earlier task.
    """
    from confide.app.resuming import Origin

    _run(load_party(config), Origin(kind="predict", files=(str(task.resolve()),)), output)


@app.command()
def resume(*, task: TaskId, config: Config = Path(CONFIG_FILE), output: OutputFormat = Format.TEXT) -> None:
    """Go on with a task of yours that was interrupted here."""
    _run(load_party(config), task, output)


def _run(party: "Party", what: "Origin | str", output: Format) -> None:
    """`what`: a new task, or the id of one that is under way."""
    from confide.app import initiate
    from confide.cli.follow import Follower
    from confide.cli.outcome import show_outcome

    console = Console(quiet=output is Format.JSON)
    with Follower(console) as follower, interruptible() as leaving:
        try:
            if isinstance(what, str):
                outcome = initiate.resume(party, what, follower, leaving)
            else:
                outcome = initiate.run(party, what, follower, leaving)
        except TaskCancelled:
            if leaving.is_set():
                raise Interrupted("interrupted from the keyboard; the task has been cancelled") from None
            raise
    document = outcome.document()
    if output is Format.JSON:
        show(output, "", document)
        return
    show_outcome(console, document)
    root = party.config.config.attestation.roots[0]
    ca = party.config.path(party.config.config.identity) / "ca.pem"
    where = party.config.path(root) if root != "intel" else root
    if outcome.receipt:
        console.print(
            f"verify it:   confide receipt verify {outcome.receipt} --ca {ca} --root {where}",
            highlight=False,
            soft_wrap=True,
        )


@app.command("list")
def list_command(*, config: Config = Path(CONFIG_FILE), output: OutputFormat = Format.TEXT) -> None:
    """List tasks that you take part in: under way, then newest ended."""
    host = load_party(config).host()
    try:
        statuses = host.list_tasks()
    finally:
        host.close()
    if output is Format.JSON:
        show(output, "", {"tasks": [status_document(status) for status in statuses]})
        return
    table = Table("task", "name", "kind", "state", box=SIMPLE_HEAD)
    # Never cut: the id is what `show` and `cancel` ask for.
    table.columns[0].no_wrap = True
    table.columns[1].overflow = table.columns[3].overflow = "fold"
    for status in statuses:
        table.add_row(status.id, plain(status.name), status.kind, plain(standing(status)))
    Console().print(table)


def standing(status: TaskStatus) -> str:
    """In one line; of one that waits, for whom, for what, and since when."""
    if status.state is TaskState.ENDED:
        return f"ended: {status.outcome}"
    waits = f", waits for {', '.join(_waits(status))}" if status.waiting_for else ""
    if waits and status.waiting_since is not None:
        waits += f" since {datetime.fromtimestamp(status.waiting_since, UTC):%H:%M:%S} UTC"
    return f"{status.state}: {status.phase or 'no phase yet'}{waits}"


def _waits(status: TaskStatus) -> list[str]:
    """For whom, and to do what: the state of its channel."""
    found = zip_longest(status.waiting_for, status.waiting_what, fillvalue="")
    return [f"{name} ({what})" if what else name for name, what in found]


@app.command("show")
def show_command(
    *, task: TaskId, config: Config = Path(CONFIG_FILE), output: OutputFormat = Format.TEXT
) -> None:
    """Show where a task stands, and your own record of it."""
    from confide.app.records import read_events

    party = load_party(config)
    host = party.host()
    try:
        status = host.get_task(task)
    finally:
        host.close()
    folder = party.config.path(party.config.config.records) / task
    events = read_events(folder)
    document = status_document(status) | {"folder": str(folder), "events": events}
    if output is Format.JSON:
        show(output, "", document)
        return
    console = Console()
    console.print(_status_table(status))
    if events:
        console.print(_events_table(events))


@app.command()
def cancel(*, task: TaskId, config: Config = Path(CONFIG_FILE), output: OutputFormat = Format.TEXT) -> None:
    """Cancel a task that you have started.

    Its enclave ends, with all keys and data.
    """
    host = load_party(config).host()
    try:
        status = host.cancel_task(task)
    finally:
        host.close()
    show(output, f"task {task}: {status.outcome or status.state}", status_document(status))


app.command("explain")(explain.command)


def status_document(status: TaskStatus) -> dict[str, Any]:
    """Plain JSON."""
    return {
        "task": status.id,
        "name": status.name,
        "kind": str(status.kind),
        "state": str(status.state),
        "initiator": status.initiator,
        "providers": list(status.providers),
        "phase": status.phase,
        "waiting_for": list(status.waiting_for),
        "waiting_what": list(status.waiting_what),
        "waiting_since": status.waiting_since,
        "created_at": status.created_at,
        "ended_at": status.ended_at,
        "outcome": status.outcome,
        "exit_code": status.exit_code,
        "generation": status.generation,
    }


def _status_table(status: TaskStatus) -> Table:
    table = Table(show_header=False, box=SIMPLE_HEAD)
    for name, value in status_document(status).items():
        if name.endswith(("_at", "_since")) and value is not None:
            shown = datetime.fromtimestamp(value, UTC).isoformat()
        else:
            shown = ", ".join(value) if isinstance(value, list) else str(value or "")
        table.add_row(name.replace("_", " "), plain(shown))
    return table


def _events_table(events: list[dict[str, Any]]) -> Table:
    table = Table("at (UTC)", "", "message", "state after", title="Our own record", box=SIMPLE_HEAD)
    for event in _without_repeats(events):
        at = datetime.fromtimestamp(event["at"], UTC).strftime("%H:%M:%S")
        table.add_row(at, event["way"], event["message"], event["state"])
    return table


def _without_repeats(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of a run of the same message (blocks, progress) only the last."""
    kept: list[dict[str, Any]] = []
    for event in events:
        if kept and (kept[-1]["message"], kept[-1]["way"]) == (event["message"], event["way"]):
            kept.pop()
        kept.append(event)
    return kept
