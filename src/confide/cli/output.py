"""What a command prints: lines for people, or one JSON envelope for programs."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.markup import escape

SIMULATED_WARNING = "SIMULATED trust root: this enclave protects nothing"


class Format(StrEnum):
    """The values of `--format`."""

    TEXT = "text"
    JSON = "json"


OutputFormat = Annotated[Format, typer.Option("--format", help="For people, or for programs.")]


def plain(text: str) -> str:
    """Text of others for a Rich console: no markup, and nothing that moves the cursor or hides what is said.

    A purpose or an error text comes from whoever is at the other end; a consent is given on what is shown.
    """
    return escape("".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text))


def show(chosen: Format, text: str, result: Mapping[str, Any]) -> None:
    """Print `text`, or one line `{"ok": true, "result": {…}}`."""
    if chosen is Format.JSON:
        typer.echo(json.dumps({"ok": True, "result": dict(result)}, ensure_ascii=False))
    else:
        typer.echo(text)
