"""`confide`: the command line. Errors become words and exit codes here, and nowhere else."""

import itertools
import json
import os
import sys

import typer
from rich.console import Console
from rich.panel import Panel

from confide.cli import attest, audit, ca, data, identity, model, parity, platform, provider, receipt, task
from confide.cli.interrupts import INTERRUPTED, Interrupted
from confide.cli.output import plain
from confide.core.errors import ConfideError, Fault, TaskCancelled
from confide.core.version import VERSION

ERRORS_PAGE = "docs/reference/errors.md"
TRACEBACK = "CONFIDE_TRACEBACK"

app = typer.Typer(
    name="confide",
    help="Shared machine learning: train and predict on everyone's data, show nobody's rows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(ca.app, name="ca")
app.add_typer(identity.app, name="identity")
app.add_typer(data.app, name="data")
app.add_typer(platform.app, name="platform")
app.add_typer(task.app, name="task")
app.add_typer(provider.app, name="provider")
app.add_typer(attest.app, name="attest")
app.add_typer(receipt.app, name="receipt")
app.add_typer(model.app, name="model")
app.add_typer(audit.app, name="audit")


app.command("parity")(parity.parity)


@app.command("version")
def version_command() -> None:
    """Print the version."""
    typer.echo(VERSION)


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
