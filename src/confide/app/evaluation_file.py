"""The tables [evaluation], [tuning] and [statistics] of TASK.toml, and what of the task they become."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from confide.core.features import Feature, Kind
from confide.protocol.evaluation import (
    Choices,
    Evaluation,
    Groups,
    HeldFolds,
    OwnedColumn,
    Range,
    Tuning,
)
from confide.protocol.statistics import FIGURES_OF, Figure, Statistics
from confide.protocol.terms import Released

DEFAULT_VALIDATION = 0.1
DEFAULT_RESAMPLES = 500
Features = Mapping[str, tuple[Feature, ...]]


class ColumnEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """PARTY.COLUMN, and its kind if it is not a feature of the task."""

    column: str
    kind: Kind | None = None


class FoldsEntry(ColumnEntry, frozen=True, kw_only=True):
    """`folds` in [evaluation]."""

    held: tuple[str, ...]


class GroupsEntry(ColumnEntry, frozen=True, kw_only=True):
    """`groups` in [evaluation]."""

    values: tuple[str, ...]
    minimum_rows: int = 100


class EvaluationEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [evaluation]. Without any field but the first three, the task has no `evaluation`."""

    holdout: Annotated[float, Meta(gt=0, lt=1)] = 0.2
    seed: Annotated[int, Meta(ge=0)] = 0
    alone: bool = True
    """Also train on the initiator's columns alone, and score the same held-out rows."""
    lift: bool = False
    """Also on the providers' alone, and tell what their columns are worth, with confidence intervals."""
    resamples: int = DEFAULT_RESAMPLES
    """Of the lift report's bootstrap."""
    time: str | None = None
    """PARTY.COLUMN, a number: hold out the newest rows."""
    folds: FoldsEntry | None = None
    validation: float | None = None
    """Default: 0.1 where something decides by it (patience, tuning, keep_negatives), else 0."""
    keep_negatives: float = 1.0
    positive_weight: float = 1.0
    cross_validation: int = 0
    thresholds: tuple[float, ...] = ()
    shares: tuple[float, ...] = Evaluation().shares
    bins: int = Evaluation().bins
    groups: GroupsEntry | None = None
    importance: int = 0
    """How often each field is permuted to see what it is worth; 0: never."""


class StatisticsEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [statistics]: of a training or of a prediction."""

    minimum_rows: int = 100
    """Nothing is told of fewer rows; every figure is blurred so far that a row hides among so many."""
    figures: tuple[Figure, ...] = ()
    """Told of every feature of all parties that they fit."""
    columns: dict[str, dict[str, tuple[Figure, ...]]] = {}
    """Per party: column name = figures; in place of `figures` for that column."""


class RangeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A parameter's range in [tuning.parameters]."""

    low: float
    high: float
    log: bool = False
    integer: bool = False


class TuningEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [tuning]."""

    method: Literal["grid", "random", "tpe"] = "random"
    trials: int
    minutes: float
    seed: int = 0
    parameters: dict[str, tuple[Any, ...] | RangeEntry]
    """Per parameter: a list of values, or { low = …, high = …, log = …, integer = … }."""


def evaluation_of(entry: EvaluationEntry, features: Features, *, decides: bool) -> Evaluation | UnsetType:
    """`decides`: whether something needs validation rows. Raises ValueError."""
    share = entry.validation
    if share is None:
        share = DEFAULT_VALIDATION if decides or entry.keep_negatives < 1 else 0.0
    wanted = Evaluation(
        time=None if entry.time is None else _column(entry.time, Kind.NUMERIC, features),
        folds=_folds(entry.folds, features),
        validation=share,
        keep_negatives=entry.keep_negatives,
        positive_weight=entry.positive_weight,
        cross_validation=entry.cross_validation,
        thresholds=entry.thresholds,
        shares=entry.shares,
        bins=entry.bins,
        groups=_groups(entry.groups, features),
        resamples=entry.resamples if entry.lift else 0,
        importance=entry.importance,
    )
    return UNSET if wanted == Evaluation() else wanted


def _folds(entry: FoldsEntry | None, features: Features) -> HeldFolds | None:
    if entry is None:
        return None
    return HeldFolds(column=_column(entry.column, entry.kind, features), held=entry.held)


def _groups(entry: GroupsEntry | None, features: Features) -> Groups | None:
    if entry is None:
        return None
    column = _column(entry.column, entry.kind, features)
    return Groups(column=column, values=entry.values, minimum_rows=entry.minimum_rows)


def _column(named: str, kind: Kind | None, features: Features) -> OwnedColumn:
    owner, dot, name = named.partition(".")
    if not dot:
        raise ValueError(f"evaluation: {named!r} is not PARTY.COLUMN")
    known = {feature.name: feature.kind for feature in features.get(owner, ())}
    return OwnedColumn(owner=owner, name=name, kind=kind or known.get(name, Kind.CATEGORICAL))


def tuning_of(entry: TuningEntry | None) -> Tuning | UnsetType:
    """Raises ValueError."""
    if entry is None:
        return UNSET
    choices, ranges = dict[str, Choices](), dict[str, Range]()
    for name, space in entry.parameters.items():
        if isinstance(space, RangeEntry):
            ranges[name] = Range(low=space.low, high=space.high, log=space.log, integer=space.integer)
        else:
            choices[name] = Choices(values=space)
    return Tuning(
        method=entry.method,
        choices=choices,
        ranges=ranges,
        trials=entry.trials,
        minutes=entry.minutes,
        seed=entry.seed,
    )


def statistics_of(
    entry: StatisticsEntry | None, features: Features, *, labelled: bool
) -> Statistics | UnsetType:
    """`labelled`: whether there is a label to correlate with. Raises ValueError."""
    if entry is None:
        return UNSET
    columns: dict[str, dict[str, tuple[Figure, ...]]] = {}
    for party, found in features.items():
        for feature in found:
            fitting = set(FIGURES_OF[feature.kind]) - (set() if labelled else {Figure.LABEL_CORRELATION})
            told = tuple(figure for figure in entry.figures if figure in fitting)
            if told:
                columns.setdefault(party, {})[feature.name] = told
    for party, named in entry.columns.items():
        columns[party] = columns.get(party, {}) | named
    return Statistics(columns=columns, minimum_rows=entry.minimum_rows)


def released_with(
    evaluation: Evaluation | UnsetType, tuning: Tuning | UnsetType, statistics: Statistics | UnsetType
) -> list[Released]:
    """Parts of the metrics, where metrics are released."""
    asked = evaluation if isinstance(evaluation, Evaluation) else Evaluation()
    parts = (
        (Released.LIFT, asked.resamples),
        (Released.IMPORTANCE, asked.importance),
        (Released.TRIALS, tuning),
        (Released.STATISTICS, statistics),
    )
    return [what for what, there in parts if there]
