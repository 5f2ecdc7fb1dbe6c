"""Names that travel: parties, platforms, tasks. One grammar for certificates, configs and RPCs."""

import re
from typing import Final

PARTY: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""A party's or platform's name, as in its certificate."""
TASK_ID: Final = re.compile(r"[0-9a-f]{32}")
"""128 random bits, hexadecimal: not guessable, so a task's existence is not, either."""
TASK_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


def check_party(name: str) -> str:
    """The name itself. Raises ValueError, with the grammar in its text."""
    if PARTY.fullmatch(name) is None:
        raise ValueError(
            f"a party's name is lower-case letters, digits and hyphens, at most 63: {name[:64]!r}"
        )
    return name


def check_task_id(task: str) -> str:
    """The id itself. Raises ValueError."""
    if TASK_ID.fullmatch(task) is None:
        raise ValueError("a task's id is 32 hexadecimal characters")
    return task


def check_task_name(name: str) -> str:
    """The name itself. Raises ValueError, with the grammar in its text."""
    if TASK_NAME.fullmatch(name) is None:
        raise ValueError("a task's name is 1 to 64 letters, digits, spaces, dots, hyphens and underscores")
    return name


def check_participants(initiator: str, providers: tuple[str, ...], *, most: int) -> None:
    """One initiator, at least one provider, nobody twice, `most` in total. Raises ValueError."""
    names = (initiator, *providers)
    for name in names:
        check_party(name)
    if not providers:
        raise ValueError("a task has at least one provider")
    if len(set(names)) != len(names):
        raise ValueError("a party takes part in a task once")
    if len(names) > most:
        raise ValueError(f"a task has at most {most} participants")
