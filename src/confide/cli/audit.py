"""`confide audit`: check, look at and hand out an audit log. Nothing here needs a network or a key."""

from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from confide.app import audit as logs
from confide.app.files import CONFIG_FILE
from confide.app.identity import CERTIFICATE_FILE, read_public
from confide.app.party_config import DEFAULT_AUDIT, load_config
from confide.app.system import SystemClock
from confide.audit.chain import read_chain
from confide.audit.entry import Entry, Moment, Object
from confide.audit.verify import verify as verify_log
from confide.cli.output import Format, OutputFormat, plain, show
from confide.core.errors import ConfigurationError
from confide.crypto.identity import IdentityRole, identity_uri

app = typer.Typer(no_args_is_help=True)

Log = Annotated[
    Path | None,
    typer.Argument(metavar="LOG", help="An audit log or an export; default: that of your configuration."),
]
Config = Annotated[Path, typer.Option(help="Your configuration: where the log and the CA are taken from.")]
SHORT = 8
"""Characters of a digest or a task's id in the table; `--format json` has them whole."""


@app.command()
def verify(
    *,
    log: Log = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Another's log or export, which holds heads of this one; repeatable."),
    ] = None,
    of: Annotated[str | None, typer.Option(help="Whose log it must be: party:NAME or platform:NAME.")] = None,
    ca: Annotated[Path | None, typer.Option(help="The CA's certificate.")] = None,
    config: Config = Path(CONFIG_FILE),
    output: OutputFormat = Format.TEXT,
) -> None:
    """Verify a log; name the first line that was altered or is missing.

    Needs no network.
    """
    chain = read_chain(_log(log, config))
    others = [read_chain(path) for path in against or ()]
    found = verify_log(chain, others, _ca(ca, config), owner=_uri(of) if of else "")
    if output is Format.JSON:
        show(output, "", msgspec.to_builtins(found))
        return
    console = Console(highlight=False, emoji=False)
    whose = found.owner or "nobody"
    console.print(f"[green]✓[/] {found.entries} entries, of {whose}: nothing altered, nothing missing")
    console.print(f"[green]✓[/] {found.heads} heads of others in it, each signed by its owner")
    if others:
        console.print(
            f"[green]✓[/] {found.witnesses} heads of it in the other logs; "
            f"entries 1 to {found.covered} are bound by them"
        )
    for remark in found.remarks:
        console.print(f"[yellow]![/] {plain(remark)}", soft_wrap=True)


@app.command(name="show")
def show_command(
    *,
    log: Log = None,
    task: Annotated[str | None, typer.Option(help="Only entries of this task.")] = None,
    config: Config = Path(CONFIG_FILE),
    output: OutputFormat = Format.TEXT,
) -> None:
    """Show the entries of a log.

    Whether it verifies or not; the first line that does not fit is named.
    """
    chain = read_chain(_log(log, config))
    entries = [entry for entry in chain.entries if task is None or entry.task == task]
    if output is Format.JSON:
        result = {"entries": [msgspec.to_builtins(entry) for entry in entries], "broken": chain.broken}
        show(output, "", result)
        return
    console = Console(highlight=False, emoji=False)
    for day, of_day in groupby(entries, _day):
        console.print(f"[bold]{day}[/] (UTC)")
        console.print(_table(list(of_day)))
    if chain.broken:
        console.print(f"[bold red]{plain(chain.broken)}[/]")


@app.command()
def export(
    *,
    log: Log = None,
    out: Annotated[Path, typer.Option(help="The new file.")],
    config: Config = Path(CONFIG_FILE),
    output: OutputFormat = Format.TEXT,
) -> None:
    """Write a log into one file, for an auditor.

    With its owner's certificate. The log must verify in itself.
    """
    path = _log(log, config)
    header = logs.export(path, out, _certificate(config), SystemClock().now())
    result = {"file": str(out), **msgspec.to_builtins(header)}
    show(output, f"{header.entries} entries of {header.log or 'nobody'}: {out}", result)


def _log(given: Path | None, config: Path) -> Path:
    if given is not None:
        return given
    if not config.exists():
        return config.resolve().parent / DEFAULT_AUDIT
    loaded = load_config(config)
    return loaded.path(loaded.config.audit)


def _ca(given: Path | None, config: Path) -> bytes:
    """The trust anchor is the verifier's own: given, or from its configuration, never from the log."""
    if given is not None:
        return read_public(given)
    if not config.exists():
        raise ConfigurationError("a log can't vouch for itself: give --ca, or run where a confide.toml is")
    loaded = load_config(config)
    return read_public(loaded.path(loaded.config.identity) / "ca.pem")


def _certificate(config: Path) -> bytes | None:
    directory = config.resolve().parent / "identity"
    if config.exists():
        loaded = load_config(config)
        directory = loaded.path(loaded.config.identity)
    path = directory / CERTIFICATE_FILE
    return read_public(path) if path.exists() else None


def _uri(of: str) -> str:
    role, _, name = of.partition(":")
    try:
        return identity_uri(name, IdentityRole(role))
    except ValueError:
        raise ConfigurationError(f"--of {of}: neither party:NAME nor platform:NAME") from None


def _day(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.time, UTC).strftime("%Y-%m-%d")


def _table(entries: list[Entry]) -> Table:
    """Of one day."""
    table = Table("", "at", "who", "what", "", "on", "task", "agreed", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.no_wrap = column.header not in {"who", "on"}
    for entry in entries:
        at = datetime.fromtimestamp(entry.time, UTC).strftime("%H:%M:%S")
        outcome = "…" if entry.moment is Moment.BEFORE else entry.outcome or ""
        on = _head(entry) if entry.head else _object(entry.object)
        agreement, task = (entry.agreement or "")[:SHORT], (entry.task or "")[:SHORT]
        table.add_row(
            str(entry.number), at, plain(entry.actor), entry.operation, outcome, on, task, agreement
        )
    return table


def _head(entry: Entry) -> str:
    head = entry.head
    return plain(f"entry {head.number} of {head.log.rpartition(':')[2]}") if head else ""


def _object(what: Object | None) -> str:
    if what is None:
        return ""
    parts = [what.kind, what.name or "", (what.digest or "")[:SHORT]]
    parts += [f"{what.rows:,} rows" if what.rows is not None else ""]
    parts += [f"{what.bytes:,} bytes" if what.bytes is not None else ""]
    return plain(" ".join(part for part in parts if part))
