"""`confide platform`: the host, for whoever runs it."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from confide.app import platform
from confide.app.identity import load_identity
from confide.app.system import SystemClock, SystemRandomness
from confide.cli.output import Format, show
from confide.cli.passphrase import ask_passphrase

app = typer.Typer(no_args_is_help=True, help="Run the platform: it starts enclaves, it can't look into them.")


@app.callback()
def platform_commands() -> None:
    """Run the platform: it starts enclaves, it can't look into them."""


@app.command()
def serve(
    *,
    config: Annotated[Path, typer.Option(help="The platform's configuration.")] = Path("platform.toml"),
    output: Annotated[Format, typer.Option("--format")] = Format.TEXT,
) -> None:
    """Serve until SIGTERM or Ctrl-C; then end every enclave, record its end, and leave."""
    settings = platform.read_config(config)
    clock = SystemClock()
    passphrase = ask_passphrase("the platform's key", confirm=False)
    identity = load_identity(config.parent / settings.identity, passphrase, clock.now())
    stop = _stop_on_signals()
    with platform.running(
        settings, config.parent, identity, clock=clock, randomness=SystemRandomness()
    ) as ready:
        text = f"Platform {ready.name} is ready at {ready.address}"
        text += f"\nEnclave logs: {config.parent / settings.logs}"
        if ready.recovered:
            text += f"\nEnded {ready.recovered} task(s) that an earlier run had left behind"
        result = {"name": ready.name, "address": ready.address, "recovered": ready.recovered}
        show(output, text, result)
        stop.wait()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
