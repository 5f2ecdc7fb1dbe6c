"""`confide task explain`: one time line, the first cause, and who must act."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from confide.app.files import CONFIG_FILE
from confide.app.system import SystemClock, SystemRandomness
from confide.cli.output import Format, OutputFormat, plain, show
from confide.cli.passphrase import ask_passphrase
from confide.core.errors import ConfideError, ConfigurationError
from confide.core.names import check_task_id
from confide.core.platform_api import TaskStatus
from confide.crypto.wiping import wiped

if TYPE_CHECKING:
    from confide.app.explain import Cause, Explanation
    from confide.app.party import Party
    from confide.app.party_config import LoadedConfig


def command(
    *,
    task: Annotated[str, typer.Argument(metavar="ID", help="The task's id.")],
    log: Annotated[
        list[Path] | None,
        typer.Option(help="Another's audit log or export, if you were given one; repeatable."),
    ] = None,
    config: Annotated[Path, typer.Option(help="Your configuration.")] = Path(CONFIG_FILE),
    offline: Annotated[
        bool, typer.Option("--offline", help="From your disk alone: no passphrase, nobody is asked.")
    ] = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Tell what happened in a task, why, and who must act.

    All that you may see of it, in one time line.
    """
    from confide.app.explain import Sources, explain
    from confide.app.party_config import load_config

    try:
        check_task_id(task)
    except ValueError as cause:
        raise ConfigurationError(str(cause)) from None
    loaded = load_config(config)
    me, status, remarks = _from_disk(loaded) if offline else _asked(loaded, task)
    found = explain(
        Sources(
            task=task,
            me=me,
            folder=loaded.path(loaded.config.records) / task,
            audit=loaded.path(loaded.config.audit),
            status=status,
            others=tuple(log or ()),
            remarks=remarks,
        )
    )
    if output is Format.JSON:
        show(output, "", found.document())
        return
    _print(Console(highlight=False, emoji=False), found)


_Told = tuple[str, TaskStatus | None, tuple[str, ...]]
"""Our name, what the host says, and what could not be asked."""


def _from_disk(loaded: "LoadedConfig") -> _Told:
    from confide.app.audit import identity_in

    found = identity_in(loaded.path(loaded.config.identity), SystemClock().now())
    if found is None:
        raise ConfigurationError("your identity has no certificate that is valid now")
    return found.name, None, ("the host was not asked (--offline)",)


def _asked(loaded: "LoadedConfig", task: str) -> _Told:
    from confide.app.party import Party

    with wiped(ask_passphrase("your identity's key", confirm=False)) as passphrase:
        party = Party.load(loaded, passphrase, clock=SystemClock(), randomness=SystemRandomness())
    return party.me, *_status(party, task)


def _status(party: "Party", task: str) -> tuple[TaskStatus | None, tuple[str, ...]]:
    """What the host says; that it says nothing is a remark."""
    try:
        host = party.host()
        try:
            return host.get_task(task), ()
        finally:
            host.close()
    except ConfideError as error:
        return None, (f"the host tells nothing: {error.code} {error.message}",)


def _print(console: Console, found: "Explanation") -> None:
    table = Table("at (UTC)", "who", "what", "written in", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap = True
    for event in found.events:
        what = f"[red]{plain(event.what)}[/]" if event.code else plain(event.what)
        table.add_row(_moment(event.at), plain(event.who), what, plain(event.source))
    console.print(table)
    for remark in found.remarks:
        console.print(f"[yellow]![/] {plain(remark)}", soft_wrap=True)
    if found.cause is not None:
        _print_cause(console, found.cause)
    elif found.waiting_for:
        since = "" if found.waiting_since is None else f" since {_moment(found.waiting_since)}"
        console.print(f"[bold]It waits for:[/] {plain(', '.join(found.waiting_for))}{since}")
    else:
        console.print(f"[bold]State:[/] {found.state}")


def _print_cause(console: Console, cause: "Cause") -> None:
    code = f"{cause.code} " if cause.code else ""
    console.print(f"[bold]First cause:[/] {code}{plain(cause.what)}", soft_wrap=True)
    console.print(f"[bold]Told by:[/] {plain(cause.told_by)}, at {_moment(cause.at)}")
    console.print(f"[bold]Who must act:[/] {plain(cause.act)}")
    console.print(f"[bold]What next:[/] {plain(cause.remedy)}", soft_wrap=True)


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
