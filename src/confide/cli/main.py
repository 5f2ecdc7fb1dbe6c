"""`confide`: the command line. Errors become words and exit codes here, and nowhere else."""

import itertools
import json
import os
import sys

import typer
from rich.console import Console
from rich.panel import Panel

from confide.cli import parity
from confide.cli.groups import HELP_OPTIONS, Group, LazyGroup, VersionOption
from confide.cli.interrupts import INTERRUPTED, Interrupted
from confide.cli.output import plain
from confide.core.errors import ConfideError, Fault, TaskCancelled
from confide.core.version import VERSION

ERRORS_PAGE = "docs/reference/errors.md"
TRACEBACK = "CONFIDE_TRACEBACK"

app = typer.Typer(
    name="confide",
    cls=Group,
    help="Shared machine learning: train and predict on everyone's data, show nobody's rows.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": HELP_OPTIONS},
)


def _list(panel: str, **groups: str) -> None:
    """Names and helps as the help page shows them. Each names a module of this package, loaded at need."""
    for name, about in groups.items():
        group = typer.Typer(cls=LazyGroup, no_args_is_help=True)
        app.add_typer(group, name=name, help=about, rich_help_panel=panel)


_list(
    "Take part",
    identity="Make your own key, and install the certificate for it.",
    data="Look at source files and prepare them: nothing leaves here.",
    task="Train and predict with other parties' data; look at tasks.",
    provider="Bring your data to other parties' tasks.",
)
_list(
    parity.PANEL,
    model="Look into a model file, and use it without any platform.",
    receipt="Check the receipt of a task.",
    audit="Check and show the log of all that was done with data.",
    attest="Look at attestation evidence.",
)
app.add_typer(parity.app)
_list(
    "Run a platform",
    platform="Run the platform: it starts enclaves, it can't look into them.",
    ca="Run the common CA: it issues identities, it holds nobody's key.",
)


@app.command("version", hidden=True)
def version_command() -> None:
    """Print the version, as `--version` does."""
    typer.echo(VERSION)


@app.callback()
def confide(*, version: VersionOption = False) -> None:
    pass


def main() -> None:
    """Entry point of `confide`."""
    try:
        app()
    except ConfideError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except Interrupted as interrupt:
        _tell(TaskCancelled(str(interrupt)), INTERRUPTED)
        sys.exit(INTERRUPTED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        text = f"an unexpected {type(error).__name__}; run again with {TRACEBACK}=1 to see where"
        _tell(ConfideError(text))
        sys.exit(ConfideError.exit_code)


def _tell(error: ConfideError, exit_code: int | None = None) -> None:
    if _wants_json(sys.argv):
        typer.echo(json.dumps({"ok": False, "error": _document(error, exit_code)}, ensure_ascii=False))
        return
    fault = f"{_fault(error)} ({error.blame})" if error.blame else _fault(error)
    text = (
        f"{plain(error.message)}\n\n"
        f"[bold]Whose fault:[/] {plain(fault)}\n[bold]What next:[/] {plain(error.remedy)}"
    )
    title = f"{error.code} {type(error).__name__}"
    page = f"{ERRORS_PAGE}#{error.code.lower()}"
    Console(stderr=True, highlight=False).print(
        Panel(text, title=title, title_align="left", subtitle=page, border_style="red")
    )


def _fault(error: ConfideError) -> str:
    """Who has to act. An error that names a party may be told to another, to whom "you" would be wrong."""
    return "the named party" if error.blame and error.fault is Fault.YOU else str(error.fault)


def _document(error: ConfideError, exit_code: int | None) -> dict[str, str | int | None]:
    return {
        "code": error.code,
        "name": type(error).__name__,
        "message": error.message,
        "fault": _fault(error),
        "blame": error.blame,
        "remedy": error.remedy,
        "exit_code": error.exit_code if exit_code is None else exit_code,
    }


def _wants_json(arguments: list[str]) -> bool:
    return "--format=json" in arguments or any(
        pair == ("--format", "json") for pair in itertools.pairwise(arguments)
    )


if __name__ == "__main__":
    main()
