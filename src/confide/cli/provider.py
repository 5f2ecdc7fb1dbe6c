"""`confide provider serve`: bring data to other parties' tasks, within your consent."""

import json
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel

from confide.app.consent import ByAsking, ByPolicy
from confide.app.events import Event, Tell
from confide.app.party import Party
from confide.app.party_config import CONFIG_FILE
from confide.app.provide import ProviderService
from confide.cli.follow import Follower
from confide.cli.output import Format
from confide.cli.task import load_party
from confide.core.platform_api import TaskStatus
from confide.party.ports import Decide
from confide.protocol.messages import Offer
from confide.protocol.terms import columns_of

app = typer.Typer(no_args_is_help=True, help="Bring your data to other parties' tasks.")


@app.callback()
def provider_commands() -> None:
    """Bring your data to other parties' tasks."""


@app.command()
def serve(
    *,
    config: Annotated[Path, typer.Option(help="Your configuration.")] = Path(CONFIG_FILE),
    consent: Annotated[
        Path | None, typer.Option(help="Consent policy file; without it you are asked each time.")
    ] = None,
    tasks: Annotated[int | None, typer.Option(min=1, help="Leave after so many tasks.")] = None,
    output: Annotated[Format, typer.Option("--format")] = Format.TEXT,
) -> None:
    """Wait for tasks that name you; verify each enclave; decide; send what you consented to."""
    party = load_party(config)
    console, lock = Console(), threading.Lock()
    decide: Decide = (
        ByPolicy(consent, party.me, party.config, party.clock)
        if consent is not None
        else ByAsking(_Asking(console, lock), party.me, party.config, party.clock)
    )
    stop = _stop_on_signals()
    service = ProviderService(party, decide, _listeners(console, lock, output), most=tasks)
    _ready(party, console, output)
    service.run(stop)
    if tasks is not None and service.errors:
        raise service.errors[0]


def _ready(party: Party, console: Console, output: Format) -> None:
    address = party.config.config.platform.address
    if output is Format.JSON:
        typer.echo(json.dumps({"event": "ready", "name": party.me, "platform": address}))
    else:
        console.print(f"{party.me} is waiting for tasks at {address}", highlight=False)


def _listeners(console: Console, lock: threading.Lock, output: Format) -> "_Listeners":
    return _Listeners(console, lock, output)


class _Listeners:
    """Gives each task its listener: lines with its number, or JSON lines."""

    def __init__(self, console: Console, lock: threading.Lock, output: Format) -> None:
        self._console, self._lock, self._output = console, lock, output

    def __call__(self, status: TaskStatus) -> Tell:
        follower = Follower(self._console, prefix=f"[dim]{status.id[:8]}[/] ")

        def tell(event: Event) -> None:
            with self._lock:
                if self._output is Format.JSON:
                    typer.echo(json.dumps({"event": event.name, "task_id": status.id, **event.facts}))
                elif event.name != "progress":
                    follower(event)

        return tell


class _Asking:
    """Shows an offer and asks; one at a time."""

    def __init__(self, console: Console, lock: threading.Lock) -> None:
        self._console, self._lock = console, lock

    def __call__(self, offer: Offer, me: str) -> bool:
        task = offer.task
        columns = ", ".join(columns_of(task, me))
        text = (
            f"{task.initiator} asks to {task.kind} '{task.name}' with {offer.algorithm.name}\n"
            f"purpose:     {task.purpose}\n"
            f"your columns: {columns}\n"
            f"with:        {', '.join(task.participants)}\n"
            f"results go to: {', '.join(f'{r.what} to {r.to}' for r in task.releases)}\n"
            "Your rows go, sealed, to the enclave that was just verified, and nowhere else."
        )
        with self._lock:
            self._console.print(Panel(text, title="Consent?", title_align="left"))
            return typer.confirm("Take part?")


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
