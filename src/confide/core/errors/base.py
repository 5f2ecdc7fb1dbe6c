"""What all errors have: a code, whose fault it is, what to do next."""

from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Who has to act."""

    YOU = "you"
    PEER = "another party"
    PLATFORM = "the platform"
    SOFTWARE = "Confide itself"
    NOBODY = "nobody: an agreed outcome"


class ConfideError(Exception):
    """Base of all. `code` never changes its meaning; `exit_code` is what the command line returns."""

    code: ClassVar[str] = "CFD-000"
    exit_code: ClassVar[int] = 1
    fault: ClassVar[Fault] = Fault.SOFTWARE
    remedy: ClassVar[str] = "Report it with the text above."

    def __init__(self, message: str, *, blame: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.blame = blame
        """The party (or "platform") at fault, when it is known by name."""


def leaves(base: type[ConfideError]) -> dict[str, type[ConfideError]]:
    """The errors below `base` that have no error below them, by code."""
    found: dict[str, type[ConfideError]] = {}
    for child in base.__subclasses__():
        found |= leaves(child) or {child.code: child}
    return found
