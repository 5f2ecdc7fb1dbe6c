"""What a bench module offers to run.py: rows(scale), an iterator of these."""

from dataclasses import dataclass
from enum import StrEnum


class Scale(StrEnum):
    """How much is measured."""

    SMALL = "small"
    """All benches together in less than five minutes on two cores."""
    FULL = "full"
    """The sizes of the results in README.md."""


@dataclass(frozen=True)
class Row:
    """One line of the table: ours beside theirs, measured in one run."""

    name: str
    ours: float
    theirs: float | None
    """What it is compared with, as the name says; None where there is nothing."""
    unit: str

    @property
    def ratio(self):
        """Ours divided by theirs: above 1 is better for rows/s, below 1 for seconds and MiB."""
        return None if self.theirs is None else self.ours / self.theirs

    def document(self):
        """The entry in bench.json."""
        return {
            "name": self.name,
            "ours": self.ours,
            "theirs": self.theirs,
            "ratio": self.ratio,
            "unit": self.unit,
        }


class Skipped(Exception):
    """Nothing can be measured here, for the reason given: the table and bench.json say so."""


def skipped(name, reason):
    """The entry in bench.json of what was not measured."""
    return {"name": name, "ours": None, "theirs": None, "ratio": None, "unit": "", "skipped": reason}
