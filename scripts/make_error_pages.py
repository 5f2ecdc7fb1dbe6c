"""Write docs/reference/errors.md from src/confide/core/errors. `--check` compares instead (for CI)."""

import argparse
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from confide.core import errors
from confide.core.errors import ConfideError

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "reference" / "errors.md"

HEADING = """\
# Errors and exit codes

Generated from `src/confide/core/errors` by `scripts/make_error_pages.py`: edit the source, not this page.

Every error that a user can meet has a code. A code keeps its meaning for good and is never used again for
another error. With `--format json` a failed command prints the code, the fault and the remedy as fields.
"Whose fault" says who has to act; an error that names a party or the platform by name is about that one.
"""

EXIT_HEADING = """\
## Exit codes

What `confide` returns to the shell. One exit code covers a family of errors.

| exit code | meaning | codes |
|---|---|---|
| 0 | done | |
"""

USAGE = "| 2 | the command line itself is wrong: an unknown command or option, a missing argument | |"
INTERRUPTED = "| 130 | interrupted from the keyboard (Ctrl-C) | |"
INTERNAL = "an error that is none of the others: a bug of Confide"


def families() -> dict[type[ConfideError], list[type[ConfideError]]]:
    """Abstract class to its concrete errors, by code."""
    found: dict[type[ConfideError], list[type[ConfideError]]] = {}
    for error in concrete():
        family = next(base for base in error.__mro__[1:] if issubclass(base, ConfideError))
        while "code" in vars(family) and family is not ConfideError:
            family = next(base for base in family.__mro__[1:] if issubclass(base, ConfideError))
        found.setdefault(error if family is ConfideError else family, []).append(error)
    return found


def concrete() -> Iterator[type[ConfideError]]:
    """Every class of core/errors with a code of its own, by code."""
    values = (getattr(errors, name) for name in errors.__all__)
    classes = [value for value in values if inspect.isclass(value) and issubclass(value, ConfideError)]
    own = (value for value in classes if value is not ConfideError and "code" in vars(value))
    yield from sorted(own, key=lambda value: value.code)


def render() -> str:
    """The whole page."""
    parts = [HEADING, EXIT_HEADING + "\n".join(_exit_rows()) + "\n", "## Codes\n"]
    parts += [_section(error) for error in concrete()]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(render(), encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != render():
        print("docs/reference/errors.md is out of date; run scripts/make_error_pages.py", file=sys.stderr)
        raise SystemExit(1)


def _exit_rows() -> list[str]:
    rows = {0: f"| {ConfideError.exit_code} | {INTERNAL} | |", 2: USAGE, 130: INTERRUPTED}
    grouped: dict[int, list[type[ConfideError]]] = {}
    for error in concrete():
        grouped.setdefault(error.exit_code, []).append(error)
    for code, listed in sorted(grouped.items()):
        links = ", ".join(f"[{error.code}](#{_anchor(error)})" for error in listed)
        rows[code] = f"| {code} | {_meaning(_family(code, listed))} | {links} |"
    return [rows[code] for code in sorted(rows)]


def _family(exit_code: int, listed: list[type[ConfideError]]) -> type[ConfideError]:
    """What stands for an exit code: the largest family that has it, or its first error."""
    own = {family: len(found) for family, found in families().items() if family.exit_code == exit_code}
    return max(own, key=own.__getitem__) if own else listed[0]


def _section(error: type[ConfideError]) -> str:
    fault = "nobody's: an agreed outcome" if error.fault is errors.Fault.NOBODY else str(error.fault)
    return (
        f'<a id="{_anchor(error)}"></a>\n\n### {error.code} {error.__name__}\n\n'
        f"- **What happened:** {_text(error)}\n"
        f"- **Whose fault:** {fault}\n"
        f"- **What to do:** {error.remedy}\n"
        f"- **Exit code:** {error.exit_code}\n"
    )


def _anchor(error: type[ConfideError]) -> str:
    return error.code.lower()


def _text(error: type[ConfideError]) -> str:
    return " ".join((inspect.getdoc(error) or "").split())


def _meaning(family: type[ConfideError]) -> str:
    text = _text(family).removeprefix("Abstract. ").rstrip(".")
    return text[:1].lower() + text[1:]


if __name__ == "__main__":
    main()
