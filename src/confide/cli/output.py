"""What a command prints: lines for people, or one JSON envelope for programs."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import typer


class Format(StrEnum):
    """The values of `--format`."""

    TEXT = "text"
    JSON = "json"


def show(chosen: Format, text: str, result: Mapping[str, Any]) -> None:
    """Print `text`, or one line `{"ok": true, "result": {…}}`."""
    if chosen is Format.JSON:
        typer.echo(json.dumps({"ok": True, "result": dict(result)}, ensure_ascii=False))
    else:
        typer.echo(text)
