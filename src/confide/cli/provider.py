"""`confide provider serve`: bring data to other parties' tasks, within your consent."""

import json
import os
import select
import signal
import sys
import termios
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.panel import Panel

from confide.app.disclosure import learned
from confide.app.events import Event, Tell
from confide.app.files import CONFIG_FILE
from confide.cli.consent_text import measured
from confide.cli.follow import Follower
from confide.cli.interrupts import Interrupted, interruptible
from confide.cli.output import Format, OutputFormat, plain
from confide.cli.task import load_party
from confide.core import limits
from confide.core.errors import OfferDeclined
from confide.core.platform_api import TaskKind, TaskStatus
from confide.party.ports import Decide
from confide.protocol.messages import Offer
from confide.protocol.terms import columns_of

if TYPE_CHECKING:
    from confide.app.party import Party

app = typer.Typer(no_args_is_help=True)


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
    output: OutputFormat = Format.TEXT,
) -> None:
    """Wait for tasks that name you, and take part in those you consent to.

    Verifies each enclave before anything is sent to it.
    """
    from confide.app.consent import ByAsking, ByPolicy
    from confide.app.provide import ProviderService

    party = load_party(config)
    console, lock = Console(), threading.Lock()
    # With --format json, standard output is for programs: a person is asked on the other one.
    asking = Console(stderr=True) if output is Format.JSON else console
    with interruptible(signal.SIGTERM) as stop:
        decide: Decide = (
            ByPolicy(consent, party.me, party.config, party.clock)
            if consent is not None
            else ByAsking(_Asking(asking, lock, stop), party.me, party.config, party.clock)
        )
        known = decide.names if isinstance(decide, ByPolicy) else None
        listeners = _Listeners(console, lock, output)
        service = ProviderService(party, decide, listeners, most=tasks, known=known)
        _ready(party, console, output)
        service.run(stop)
    if stop.number == signal.SIGINT:
        raise Interrupted("interrupted from the keyboard; tasks under way have been told")
    if tasks is not None and service.errors:
        raise service.errors[0]


def _ready(party: "Party", console: Console, output: Format) -> None:
    address = party.config.config.platform.address
    if output is Format.JSON:
        typer.echo(json.dumps({"event": "ready", "name": party.me, "platform": address}))
    else:
        console.print(f"{party.me} is waiting for tasks at {address}", highlight=False)


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


def plain_lines(lines: list[str]) -> str:
    """Each with its end; the texts may come from others."""
    return "".join(plain(line) + "\n" for line in lines)


def _model_line(offer: Offer) -> str:
    """Which model the work starts from, where there is one."""
    if offer.model is None:
        return ""
    use = "starts from:" if offer.task.kind is TaskKind.TRAIN else "with model:"
    return f"{use:<13}{offer.model.sha384[:16]}…, trained under {offer.model.train_block[:16]}…\n"


class _Asking:
    """Shows an offer and asks; one at a time. Whoever leaves has declined.

    Other tasks go on, and print, while a person thinks: `printing` is held only to print.
    """

    def __init__(self, console: Console, printing: threading.Lock, stop: threading.Event) -> None:
        self._console, self._printing, self._stop = console, printing, stop
        self._asking = threading.Lock()
        self._typed = b""

    def __call__(self, offer: Offer, me: str) -> bool:
        from confide.app.starting import starts

        task = offer.task
        columns = plain(", ".join(columns_of(task, me)))
        text = (
            f"{task.initiator} asks to {task.kind} '{plain(task.name)}' with {plain(offer.algorithm.name)}\n"
            f"{_model_line(offer)}"
            f"purpose:     {plain(task.purpose)}\n"
            f"your columns: {columns}\n"
            f"with:        {', '.join(task.participants)}\n"
            f"results go to: {', '.join(f'{r.what} to {r.to}' for r in task.releases)}\n"
            f"{plain_lines(measured(task))}"
            + "".join(f"{plain(line)}\n" for line in (*learned(task), *starts(task, offer.algorithm.name)))
            + "Your rows go, sealed, to the enclave that was just verified, and nowhere else."
        )
        with self._asking:
            self._forget_keys()
            with self._printing:
                self._console.print(Panel(text, title="Consent?", title_align="left"))
            return self._confirm(task.name)

    def _forget_keys(self) -> None:
        """Keys pressed before an offer was shown don't answer it; what is piped in is meant to."""
        if sys.stdin.isatty():
            self._typed = b""
            termios.tcflush(sys.stdin, termios.TCIFLUSH)

    def _confirm(self, name: str) -> bool:
        while True:
            with self._printing:  # its name: lines of other tasks may stand between
                self._console.print(f"Take part in '{plain(name)}'? [y/n]: ", end="", markup=False)
            answer = self._line().strip().lower()
            if answer in _ANSWERS:
                return _ANSWERS[answer]

    def _line(self) -> str:
        """A line of the terminal. Raises OfferDeclined when there will be none."""
        while b"\n" not in self._typed:
            while not select.select([sys.stdin], [], [], limits.POLL_SECONDS)[0]:
                if self._stop.is_set():
                    raise OfferDeclined("the provider has left")
            # Not by a buffer that select knows nothing of: of two lines that came at once it would hide one.
            typed = os.read(sys.stdin.fileno(), limits.KIB)
            if not typed and not self._typed:
                raise OfferDeclined("nobody is there to be asked")
            self._typed += typed or b"\n"
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode(errors="replace")


_ANSWERS = {"y": True, "yes": True, "n": False, "no": False}
