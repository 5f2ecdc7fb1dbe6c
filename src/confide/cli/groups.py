"""Groups of commands: listed at once, loaded when one of their commands is asked for."""

import importlib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import _click
from typer.core import TyperGroup, TyperOption
from typer.main import get_group

from confide.core.version import VERSION

HELP_OPTIONS = ["-h", "--help"]
_KINDS = {bool: "", list[str]: "<text>", list[Path]: "<path>", str: "<text>", int: "<number>"}
"""What a help page shows for an option's value: nothing for a flag, and words instead of Python's types."""


def _print_version(context: typer.Context, *, asked: bool) -> None:
    if asked:
        typer.echo(f"{context.info_name} {VERSION}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version", "-V", is_eager=True, callback=_print_version, help="Show the version and exit."
    ),
]


class Group(TyperGroup):
    """Its help pages, and those of its commands, are for people."""

    def get_params(self, ctx: _click.Context) -> list[_click.Parameter]:
        return _in_words(super().get_params(ctx))

    def get_command(self, ctx: _click.Context, cmd_name: str) -> _click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _in_words(command.get_params(ctx))
        return command


class LazyGroup(Group):
    """Its commands are in `confide.cli.NAME`, which is loaded when they are asked for."""

    _commands: MutableMapping[str, Any]

    @property
    def commands(self) -> MutableMapping[str, Any]:
        """The first time, loads the module."""
        if not self._commands:
            # The names are those of cli/main.py, and nothing here is measured.
            module = importlib.import_module(f"confide.cli.{self.name}")  # noqa: TID251
            self._commands = get_group(module.app).commands
        return self._commands

    @commands.setter
    def commands(self, commands: MutableMapping[str, Any]) -> None:
        self._commands = commands


def _in_words(parameters: list[_click.Parameter]) -> list[_click.Parameter]:
    options = (parameter for parameter in parameters if isinstance(parameter, TyperOption))
    for parameter in options:
        if parameter.metavar is None:
            parameter.metavar = _KINDS.get(parameter.type_descriptor.annotation)
    return parameters
