"""How a training is measured, tuned and probed (spec/protocol.md, "Evaluation", "Tuning", "Gate")."""

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from confide.core import limits
from confide.core.features import Kind
from confide.protocol.document import Document, Name, Seed, Share, Title


class OwnedColumn(Document, frozen=True, kw_only=True):
    """A column that is not learned from, but that rows are split or grouped by."""

    owner: Name
    name: Title
    kind: Kind


class HeldFolds(Document, frozen=True, kw_only=True):
    """Rows are held out by the value of a column that says to which fold each belongs."""

    column: OwnedColumn
    held: Annotated[tuple[str, ...], Meta(min_length=1, max_length=limits.MAX_GROUPS)]
    """As text; of a numeric column, the number's text."""

    def __post_init__(self) -> None:
        _check_values("held", self.held, self.column)


class Groups(Document, frozen=True, kw_only=True):
    """Rows whose AUC is told apart, by the value of a column."""

    column: OwnedColumn
    values: Annotated[tuple[str, ...], Meta(min_length=1, max_length=limits.MAX_GROUPS)]
    """Which values are told; as text; of a numeric column, the number's text."""
    minimum_rows: Annotated[int, Meta(ge=limits.MIN_GROUP_ROWS, le=(1 << 53) - 1)] = 100
    """Nothing is told of a group with fewer held-out rows."""

    def __post_init__(self) -> None:
        _check_values("values", self.values, self.column)


class Evaluation(Document, frozen=True, kw_only=True):
    """How rows are split, and what is measured on those held out, beyond what is always measured."""

    time: OwnedColumn | None = None
    """A numeric column: the newest rows are held out instead of random ones."""
    folds: HeldFolds | None = None
    """The rows of some folds are held out instead of random ones."""
    validation: Annotated[float, Meta(ge=0, le=0.5)] = 0.0
    """Share of the rows that are not held out by which early stopping and tuning decide."""
    keep_negatives: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Share of the rows with label 0 that are trained on; predictions are corrected for it."""
    positive_weight: Annotated[float, Meta(ge=1, le=limits.MAX_POSITIVE_WEIGHT)] = 1.0
    """How often rows with label 1 are learned in an epoch; probabilities are those of so weighted rows."""
    cross_validation: Annotated[int, Meta(ge=0, le=limits.MAX_FOLDS)] = 0
    """Number of folds; 0: none."""
    thresholds: Annotated[tuple[Share, ...], Meta(max_length=limits.MAX_CUTS)] = ()
    """Precision and recall are told at these."""
    shares: Annotated[tuple[Share, ...], Meta(max_length=limits.MAX_CUTS)] = (0.01, 0.05, 0.1, 0.2, 0.5)
    """Lift is told at these shares of the rows with the highest predictions."""
    bins: Annotated[int, Meta(ge=2, le=limits.MAX_BINS)] = 10
    """Of the reliability curve; each holds as many rows as the next."""
    groups: Groups | None = None
    resamples: Annotated[int, Meta(ge=0, le=limits.MAX_RESAMPLES)] = 0
    """Of the bootstrap in the lift report; 0: no lift report."""
    importance: Annotated[int, Meta(ge=0, le=limits.MAX_IMPORTANCE_REPEATS)] = 0
    """How often each field is permuted to measure its importance; 0: it is not measured."""

    def __post_init__(self) -> None:
        if self.time is not None and self.folds is not None:
            raise ValueError("'time' and 'folds' both say which rows are held out: choose one")
        if self.time is not None and self.time.kind is not Kind.NUMERIC:
            raise ValueError("'time' is a numeric column")
        if self.cross_validation == 1:
            raise ValueError("'cross_validation' has two folds or more, or 0 for none")
        if self.cross_validation and self.keep_negatives < 1:
            raise ValueError("'cross_validation' scores all rows: it does not go with 'keep_negatives'")
        if self.keep_negatives < 1 and not self.validation:
            raise ValueError(
                "'keep_negatives' needs 'validation': what training decides by is left out alike"
            )

    @property
    def columns(self) -> tuple[OwnedColumn, ...]:
        """All columns that it names."""
        named = [] if self.time is None else [self.time]
        return (*named, *(part.column for part in (self.folds, self.groups) if part is not None))


class Choices(Document, frozen=True, kw_only=True):
    """Some values of a parameter."""

    values: Annotated[tuple[Any, ...], Meta(min_length=1, max_length=limits.MAX_CHOICES)]


class Range(Document, frozen=True, kw_only=True):
    """All numbers of a parameter between two, both included."""

    low: float
    high: float
    log: bool = False
    """Drawn evenly on the scale of the logarithm."""
    integer: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError("a range has a 'low' below its 'high'")
        if self.log and self.low <= 0:
            raise ValueError("a range on the scale of the logarithm begins above 0")
        if self.integer and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("a range of integers has integer ends")


class Tuning(Document, frozen=True, kw_only=True):
    """Which parameters are searched for, how, and for how long."""

    method: Literal["grid", "random", "tpe"]
    choices: dict[Title, Choices] = msgspec.field(default_factory=dict)
    ranges: dict[Title, Range] = msgspec.field(default_factory=dict)
    trials: Annotated[int, Meta(ge=1, le=limits.MAX_TRIALS)]
    minutes: Annotated[float, Meta(gt=0, le=limits.MAX_TUNING_MINUTES)]
    """No trial begins after so many."""
    seed: Seed = 0

    def __post_init__(self) -> None:
        if not self.choices and not self.ranges:
            raise ValueError("tuning needs a parameter to search: 'choices' or 'ranges'")
        if set(self.choices) & set(self.ranges):
            raise ValueError("a parameter has choices or a range, not both")
        if self.method == "grid" and self.ranges:
            raise ValueError("a grid goes through 'choices': it has no 'ranges'")


class Gate(Document, frozen=True, kw_only=True):
    """What the model is probed for before it leaves the enclave, and from which figure on it stays."""

    membership_advantage: Share
    """At most: how much better than chance the loss of a row tells whether it was trained on."""
    leakage_auc: Annotated[float, Meta(ge=0.5, le=1)]
    """At most: the AUC with which one field alone predicts the label."""


class GateFigures(Document, frozen=True, kw_only=True):
    """What the probes found: in the receipt's public part."""

    membership_advantage: float
    leakage_auc: float
    leakage_field: str
    """PARTY.COLUMN of the field that alone predicts best."""


def _check_values(name: str, values: tuple[str, ...], column: OwnedColumn) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"'{name}' names a value twice")
    for value in values if column.kind is Kind.NUMERIC else ():
        try:
            float(value)
        except ValueError:
            raise ValueError(f"'{name}' of a numeric column: {value[:40]!r} is not a number") from None
