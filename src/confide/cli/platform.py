"""`confide platform`: the host, for whoever runs it."""

import logging
import signal
import threading
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from confide.app.identity import load_identity
from confide.app.system import SystemClock, SystemRandomness
from confide.cli.output import Format, OutputFormat, plain, show
from confide.cli.passphrase import ask_passphrase
from confide.cli.task import standing, status_document
from confide.crypto.wiping import wiped

app = typer.Typer(no_args_is_help=True)


@app.callback()
def platform_commands() -> None:
    """Run the platform: it starts enclaves, it can't look into them."""


@app.command()
def serve(
    *,
    config: Annotated[Path, typer.Option(help="The platform's configuration.")] = Path("platform.toml"),
    output: OutputFormat = Format.TEXT,
) -> None:
    """Run the host, until Ctrl-C or SIGTERM.

    Then every enclave is ended, its end is recorded, and the platform leaves. The log goes to standard error.
    """
    from confide.app import platform

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = platform.read_config(config)
    clock = SystemClock()
    with wiped(ask_passphrase("the platform's key", confirm=False)) as passphrase:
        identity = load_identity(config.parent / settings.identity, passphrase, clock.now())
    stop = _stop_on_signals()
    with platform.running(
        settings, config.parent, identity, clock=clock, randomness=SystemRandomness()
    ) as ready:
        text = f"Platform {ready.name} is ready at {ready.address}"
        text += f"\nEnclave logs: {config.parent / settings.logs}"
        if ready.recovered:
            text += f"\nTaken up {ready.recovered} task(s) that an earlier run had left behind"
        result = {"name": ready.name, "address": ready.address, "recovered": ready.recovered}
        show(output, text, result)
        stop.wait()


@app.command("tasks")
def tasks_command(
    *,
    config: Annotated[Path, typer.Option(help="The platform's configuration.")] = Path("platform.toml"),
    output: OutputFormat = Format.TEXT,
) -> None:
    """List the tasks that have not ended.

    How each stands, for whom it waits, for what, and since when: from the database beside the host.
    """
    from confide.app import platform

    waiting = [record.status for record in platform.unfinished(config)]
    if output is Format.JSON:
        show(output, "", {"tasks": [status_document(status) for status in waiting]})
        return
    table = Table("task", "name", "initiator", "enclave", "stands at", box=SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for status in waiting:
        number = f"number {status.generation + 1}"
        table.add_row(status.id, plain(status.name), status.initiator, number, plain(standing(status)))
    Console().print(table)


@app.command()
def algorithms(*, output: OutputFormat = Format.TEXT) -> None:
    """List the algorithms, and the parameters of each.

    Of the software installed here, as its enclaves list them.
    """
    from confide.algorithms.registry import listing

    listed = [msgspec.to_builtins(entry) for entry in listing()]
    if output is Format.JSON:
        show(output, "", {"algorithms": listed})
        return
    console = Console(highlight=False)
    for entry in listed:
        console.print(f"[bold]{entry['name']}[/] {entry['title']}")
        start = "can start from a model" if entry["starts_from_model"] else "starts from nothing"
        console.print(f"  version {entry['version']}, scheme {', '.join(entry['schemes'])}, {start}")
        console.print(f"  code SHA-384 {entry['code_sha384']}", soft_wrap=True)
        console.print(_parameters(entry["parameters"]["properties"]))


def _parameters(properties: dict[str, Any]) -> Table:
    table = Table("parameter", "type", "range", "default", "what", box=SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for column in table.columns:
        column.overflow = "fold"
    for name, schema in properties.items():
        bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema]
        kind = "|".join(map(str, schema["enum"])) if "enum" in schema else str(schema.get("type", ""))
        table.add_row(
            name, kind, ", ".join(bounds), str(schema.get("default", "")), schema.get("description", "")
        )
    return table


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
