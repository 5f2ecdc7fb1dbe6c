"""What is told of single columns, and drift (spec/protocol.md, "Statistics")."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from confide.core import limits
from confide.core.features import Kind
from confide.protocol.document import Document, Name, Title


class Figure(StrEnum):
    """What can be told of a column of the joined rows."""

    MISSING = "missing"
    CARDINALITY = "cardinality"
    MEAN = "mean"
    QUANTILES = "quantiles"
    LABEL_CORRELATION = "label-correlation"
    DRIFT = "drift"
    """Of a training: the reference, which goes into the model; of a prediction: how far its rows are off."""


FIGURES_OF = {
    Kind.CATEGORICAL: (Figure.MISSING, Figure.CARDINALITY, Figure.LABEL_CORRELATION, Figure.DRIFT),
    Kind.NUMERIC: (
        Figure.MISSING,
        Figure.MEAN,
        Figure.QUANTILES,
        Figure.LABEL_CORRELATION,
        Figure.DRIFT,
    ),
}
"""By the kind of the column."""


class Statistics(Document, frozen=True, kw_only=True):
    """Of which features what is told, blurred."""

    columns: dict[Name, dict[Title, Annotated[tuple[Figure, ...], Meta(min_length=1)]]]
    """For each participant of whose columns something is told."""
    minimum_rows: Annotated[int, Meta(ge=limits.MIN_STATISTIC_ROWS, le=limits.MAX_DATASET_ROWS)] = 100
    """Nothing is told of fewer rows; every figure is blurred so far that a row hides among so many."""

    def __post_init__(self) -> None:
        if not any(self.columns.values()):
            raise ValueError("'statistics' tells nothing: name a column, or leave it out")
        for party, columns in self.columns.items():
            for name, figures in columns.items():
                if len(set(figures)) != len(figures):
                    raise ValueError(f"'statistics': a figure of {party}'s {name!r} is named twice")

    def of(self, party: str) -> dict[str, tuple[Figure, ...]]:
        """What is told of a party's columns."""
        return self.columns.get(party, {})
