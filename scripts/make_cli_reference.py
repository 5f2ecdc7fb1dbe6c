"""Write docs/reference/cli.md from the Typer applications. `--check` compares instead (for CI)."""

import argparse
import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from typer.main import get_command

from confide.cli.main import app
from confide_sim.cli import app as sim_app

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "reference" / "cli.md"

HEADING = """\
# Commands

Generated from `src/confide/cli` and `src/confide_sim/cli.py` by `scripts/make_cli_reference.py`: edit the
source, not this page.

- Every command and group has `--help` (`-h`); `confide --version` (`-V`) tells the version.
- `confide --install-completion` teaches bash, zsh, fish or PowerShell to complete commands and options, in
  new terminals; `confide --show-completion` prints what it would write. `confide-sim` has the same two.
- `--format json` prints one line, `{"ok": true, "result": {…}}` or `{"ok": false, "error": {…}}`. A provider
  that serves prints one JSON line per event instead.
- Exit codes: [errors.md](errors.md#exit-codes). A command that fails says why on standard error.
- `CONFIDE_PASSPHRASE` holds the passphrase of the key that a command opens or makes; where it is not set, the
  command asks on the terminal. `CONFIDE_TRACEBACK=1` shows where an unexpected error came from.
"""
SIMULATION = """\
# confide-sim

The **simulated** machine and what belongs to it: a distribution of its own, absent from production installs.
It protects nothing.
"""


def commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(words, command) of every command below a group, in the order of the source."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def render() -> str:
    """The whole page."""
    parts = [HEADING]
    parts += [section(words, command) for words, command in commands(get_command(app), ("confide",))]
    parts.append(SIMULATION)
    parts += [section(words, command) for words, command in commands(get_command(sim_app), ("confide-sim",))]
    return "\n".join(parts)


def section(words: tuple[str, ...], command: Any) -> str:
    """One command: its usage, its words, a table of what it takes."""
    taken = [parameter for parameter in command.params if parameter.name != "help"]
    usage = " ".join([*words, *map(spelling, taken)])
    lines = [f"## {' '.join(words)}\n", f"```\n{usage}\n```\n", f"{inspect.cleandoc(command.help)}\n"]
    if taken:
        lines += ["| | values | default | |", "|---|---|---|---|"]
        lines += [row(parameter) for parameter in taken]
        lines.append("")
    return "\n".join(lines)


def is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def spelling(parameter: Any) -> str:
    """As in a usage line."""
    if is_option(parameter):
        word = parameter.opts[-1] if parameter.is_flag else f"{parameter.opts[-1]} {values(parameter)}"
    else:
        word = parameter.metavar or parameter.name.upper()
        word += "…" if parameter.nargs == -1 else ""
    word = f"[{word}]" if not parameter.required else word
    return f"{word}…" if is_option(parameter) and parameter.multiple else word


def values(parameter: Any) -> str:
    """What may be given."""
    kind = parameter.type_descriptor.annotation
    kind = get_args(kind)[0] if get_origin(kind) is list else kind
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return {Path: "PATH", int: "NUMBER", str: "TEXT", bool: ""}.get(kind, "TEXT")


def row(parameter: Any) -> str:
    """One line of the table."""
    names = "/".join([*parameter.opts, *parameter.secondary_opts])
    name = names if is_option(parameter) else spelling(parameter).strip("[]")
    what = parameter.help or ""
    cells = (f"`{name}`", code(values(parameter)), shown_default(parameter), what.replace("|", "\\|"))
    return "| " + " | ".join(cells) + " |"


def code(text: str) -> str:
    """In a table a bar must be escaped, also in code."""
    return "`" + text.replace("|", "\\|") + "`" if text else ""


def shown_default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    if default is None or default is False or default == []:
        return ""
    if default is True:
        return f"`{parameter.opts[0]}`"
    return f"`{default.value if isinstance(default, Enum) else default}`"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        TARGET.write_text(render(), encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != render():
        print("docs/reference/cli.md is out of date; run scripts/make_cli_reference.py", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
