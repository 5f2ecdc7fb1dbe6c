"""What is agreed: Task, Algorithm, Consent (spec/protocol.md, "What is agreed")."""

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from confide.core import limits
from confide.core.features import Cross, Feature, Kind
from confide.core.platform_api import TaskKind
from confide.protocol.document import Document, Name, Seed, Share, Title
from confide.protocol.evaluation import Evaluation, Gate, Tuning
from confide.protocol.statistics import FIGURES_OF, Figure, Statistics

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{96}\Z")]
"""Lower-case hexadecimal SHA-384."""
Text = Annotated[str, Meta(max_length=1024)]
Seconds = Annotated[int, Meta(ge=0, le=limits.LATEST_TIME)]
Crosses = Annotated[tuple[Cross, ...], Meta(min_length=1, max_length=limits.MAX_COLUMNS)]
Count = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]


class IdType(StrEnum):
    """Ids of different types never match: "7" is not 7."""

    STRING = "string"
    INTEGER = "integer"


class IdRule(StrEnum):
    """How ids are written before they are compared, so that equal people meet. A rule never changes."""

    EXACT_1 = "exact/1"
    """As they are."""
    TEXT_1 = "text/1"
    """Text in Unicode's form NFKC, simple lower case, no white space at its ends. Integers as they are."""


class IdColumn(Document, frozen=True, kw_only=True):
    """The column by which rows of different parties are aligned."""

    name: Title
    type: IdType
    rules: Annotated[tuple[IdRule, ...], Meta(min_length=2, max_length=limits.MAX_ID_PARTS)] | UnsetType = (
        UNSET
    )
    """Of an id of several parts: how each is written before it becomes a part."""

    def __post_init__(self) -> None:
        if self.rules is not UNSET and self.type is not IdType.STRING:
            raise ValueError("'id': an id of several parts is a string")


class Label(Document, frozen=True, kw_only=True):
    """What is predicted, and who holds it."""

    name: Title
    owner: Name


class Encoding(Document, frozen=True, kw_only=True):
    """How columns become features, the same for all parties (feature alignment)."""

    category_hash: Literal["xxh3-64"] = "xxh3-64"
    vocabulary: Literal["hashed", "exact"] = "exact"
    bits: Annotated[int, Meta(ge=1, le=limits.MAX_HASH_BITS)] = 18
    """log2 of the buckets per column, for the hashed vocabulary."""
    minimum_count: Annotated[int, Meta(ge=1, le=limits.MAX_MINIMUM_COUNT)] = 1
    """Categories in fewer training rows than this fold into one; counted over the joined rows."""


class Intersection(Document, frozen=True, kw_only=True):
    """Private set intersection before the upload, and the order in which its rows are uploaded."""

    protocol: Literal["rr22", "kkrt", "ecdh", "unbalanced"] = "rr22"
    membership: Literal["all", "initiator"] = "all"
    """Who learns which of its ids the other one has, too. `initiator`: the provider uploads all its rows."""
    minimum_size: Annotated[int, Meta(ge=1, le=limits.MAX_DATASET_ROWS)] = 1
    """With fewer ids in common the task ends."""
    ids: IdRule = IdRule.EXACT_1
    block_rows: Annotated[int, Meta(ge=1, le=limits.MAX_BLOCK_ROWS)] = limits.BLOCK_ROWS
    """Rows of each block but the last, at every party."""
    minimum_first: Literal[True] | UnsetType = UNSET
    """The initiator learns first, and the provider only where `minimum_size` is reached: a run more."""

    @property
    def ordered(self) -> bool:
        """Whether every party uploads the same rows in the same order."""
        return self.membership == "all"


class Split(Document, frozen=True, kw_only=True):
    """Which joined rows are held out for evaluation."""

    holdout: Annotated[float, Meta(gt=0, lt=1)] = 0.2
    seed: Seed = 0


class Released(StrEnum):
    """What may leave the enclave, besides the receipt."""

    MODEL = "model"
    METRICS = "metrics"
    PREDICTIONS = "predictions"
    HELD_OUT = "held-out-predictions"
    """Of a training: id, prediction and, if it is the initiator's, label of every held-out row."""
    LIFT = "lift-report"
    """What the providers' columns add, with confidence intervals."""
    IMPORTANCE = "feature-importance"
    TRIALS = "trials"
    """Of tuning: every one's parameters and validation figures."""
    STATISTICS = "statistics"
    """Blurred figures about single columns of the joined rows; drift."""


class Release(Document, frozen=True, kw_only=True):
    """One thing that leaves the enclave, and to whom."""

    what: Released
    to: Name


_OF_PREDICTION = frozenset({Released.PREDICTIONS, Released.STATISTICS})
_OF_TRAINING = frozenset(Released) - {Released.PREDICTIONS}


class Task(Document, frozen=True, kw_only=True):
    """What is to be done, on which columns, and who gets what."""

    name: Title
    kind: TaskKind
    purpose: Text
    initiator: Name
    providers: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=limits.MAX_PARTICIPANTS - 1)]
    id: IdColumn
    label: Label | None
    features: dict[Name, tuple[Feature, ...]]
    encoding: Encoding
    split: Split | None
    baselines: tuple[Literal["initiator", "providers"], ...]
    """Models trained beside the joint one, on the same rows, for comparison."""
    maximum_quarantined_share: Share
    releases: tuple[Release, ...]
    alignment: Literal["enclave"] | Intersection = "enclave"
    """Where rows find each other: in the enclave, which sees all; or between the parties, beforehand."""
    predictions_format: Literal["csv", "parquet"] = "csv"
    evaluation: Evaluation | UnsetType = UNSET
    tuning: Tuning | UnsetType = UNSET
    gate: Gate | UnsetType = UNSET
    statistics: Statistics | UnsetType = UNSET
    crosses: Annotated[tuple[Cross, ...], Meta(min_length=1, max_length=limits.MAX_COLUMNS)] | UnsetType = (
        UNSET
    )
    """Features that are made in the enclave, of several columns."""

    def __post_init__(self) -> None:
        everyone = self.participants
        if len(set(everyone)) != len(everyone):
            raise ValueError("a participant is named twice")
        if set(self.features) != set(everyone):
            raise ValueError("'features' must have one entry for each participant")
        self._check_columns()
        self._check_crosses()
        self._check_kind()
        self._check_alignment()
        self._check_releases()
        self._check_evaluation()
        self._check_statistics()

    def _check_alignment(self) -> None:
        if not isinstance(self.alignment, Intersection):
            return
        if self.id.rules is not UNSET and self.alignment.ids is not IdRule.EXACT_1:
            raise ValueError("'alignment': the rules of an id of several parts stand in 'id'")
        if self.kind is TaskKind.PREDICT and not self.alignment.ordered:
            raise ValueError("'alignment': for a prediction both bring the same ids: membership 'all'")

    def _check_columns(self) -> None:
        for party, features in self.features.items():
            names = [feature.name for feature in features]
            if len(set(names)) != len(names):
                raise ValueError(f"{party}: a column is named twice")
            if self.id.name in names or (self.label is not None and self.label.name in names):
                raise ValueError(f"{party}: the id or the label can't be a feature")
            if len(names) > limits.MAX_COLUMNS:
                raise ValueError(f"{party}: more than {limits.MAX_COLUMNS} columns")
        if sum(map(len, self.features.values())) == 0:
            raise ValueError("the task has no features")

    def _check_crosses(self) -> None:
        crosses = crosses_of(self)
        known = {
            (party, feature.name): feature.kind
            for party, features in self.features.items()
            for feature in features
        }
        if len({cross.name for cross in crosses}) != len(crosses):
            raise ValueError("'crosses': two have the same name")
        for cross in crosses:
            for party, name in cross.of:
                if known.get((party, name)) is not Kind.CATEGORICAL:
                    text = f"'crosses': {cross.name!r}: {name!r} is no categorical feature of {party}"
                    raise ValueError(text)

    def _check_kind(self) -> None:
        training = self.kind is TaskKind.TRAIN
        if training != (self.label is not None) or training != (self.split is not None):
            raise ValueError("'label' and 'split' belong to training tasks, and only to them")
        if self.label is not None and self.label.owner not in self.participants:
            raise ValueError("the label's owner is not a participant")
        if self.baselines and not training:
            raise ValueError("'baselines' belong to training tasks")

    def _check_releases(self) -> None:
        allowed = _OF_TRAINING if self.kind is TaskKind.TRAIN else _OF_PREDICTION
        for release in self.releases:
            if release.what not in allowed:
                raise ValueError(f"a {self.kind} task can't release {release.what}")
            if release.to != self.initiator:
                raise ValueError("results go to the initiator only")
        result = Released.MODEL if self.kind is TaskKind.TRAIN else Released.PREDICTIONS
        if result not in {release.what for release in self.releases}:
            raise ValueError(f"the task must release its {result}: nothing else comes of it")

    def _check_evaluation(self) -> None:
        asked = evaluation_of(self)
        if self.kind is not TaskKind.TRAIN and any((self.evaluation, self.tuning, self.gate)):
            raise ValueError("'evaluation', 'tuning' and 'gate' belong to training tasks")
        if self.tuning and not asked.validation:
            raise ValueError("'tuning' decides by the validation rows: set 'validation' above 0")
        if asked.resamples and set(self.baselines) != {"initiator", "providers"}:
            raise ValueError("a lift report compares with both baselines, 'initiator' and 'providers'")
        self._check_named_columns(asked)
        if asked.resamples and not all(self.features.values()):
            raise ValueError("a lift report needs columns of every party")
        released = {release.what for release in self.releases}
        for what, there in (
            (Released.LIFT, asked.resamples),
            (Released.IMPORTANCE, asked.importance),
            (Released.TRIALS, self.tuning),
            (Released.STATISTICS, self.statistics),
        ):
            if (what in released) != bool(there):
                raise ValueError(f"'{what}' is released by tasks that ask for it, and only by them")
            if what in released and Released.METRICS not in released and self.kind is TaskKind.TRAIN:
                raise ValueError(f"'{what}' is a part of the metrics: they must be released too")

    def _check_statistics(self) -> None:
        if not isinstance(self.statistics, Statistics):
            return
        for party, columns in self.statistics.columns.items():
            kinds = {feature.name: feature.kind for feature in self.features.get(party, ())}
            for name, figures in columns.items():
                if name not in kinds:
                    raise ValueError(f"'statistics': {party} has no feature {name!r} in this task")
                wrong = [figure for figure in figures if figure not in FIGURES_OF[kinds[name]]]
                if wrong:
                    raise ValueError(f"'statistics': {party}'s {name!r} is {kinds[name]}: no {wrong[0]}")
                if self.kind is TaskKind.PREDICT and Figure.LABEL_CORRELATION in figures:
                    raise ValueError("'statistics': a prediction has no label to correlate with")

    def _check_named_columns(self, asked: Evaluation) -> None:
        for column in asked.columns:
            if column.owner not in self.features:
                raise ValueError(f"'{column.name}' belongs to {column.owner}, who is not a participant")
            if column.name == self.id.name or (self.label is not None and column.name == self.label.name):
                raise ValueError("rows can't be split or grouped by the id or the label")
            for feature in self.features[column.owner]:
                if feature.name == column.name and feature.kind is not column.kind:
                    raise ValueError(f"'{column.name}' is {feature.kind} as a feature: it has one kind")

    @property
    def participants(self) -> tuple[str, ...]:
        """The initiator first, then the providers in order."""
        return (self.initiator, *self.providers)


class Algorithm(Document, frozen=True, kw_only=True):
    """An entry of the enclave's own list, with hyper-parameters."""

    name: Title
    version: Title
    digest: Digest
    """SHA-384 of its code, as measured."""
    parameters: dict[str, Any]


class Listed(Document, frozen=True, kw_only=True):
    """One line of the enclave's algorithm list."""

    name: Title
    version: Title
    digest: Digest
    parameters: dict[str, Any]
    """JSON Schema."""


class Consent(Document, frozen=True, kw_only=True):
    """What a provider agrees to, and within which limits."""

    columns: tuple[str, ...]
    purpose: Text
    measurement: Annotated[str, Meta(pattern=r"^([0-9a-f]{64}|[0-9a-f]{96})\Z")]
    """MRENCLAVE or MRTD of the enclave that may open the data."""
    expires_at: Seconds
    """Unix time after which the enclave refuses to use the data."""
    predictions: Count
    """How many prediction rounds may take place in this enclave, the one consented to included."""


def evaluation_of(task: Task) -> Evaluation:
    """What the task says, or what is done where it says nothing."""
    return task.evaluation if isinstance(task.evaluation, Evaluation) else Evaluation()


def releases_metrics(task: Task) -> bool:
    """Whether the initiator may learn metrics: in progress, in the report, in the model file."""
    return task.kind is TaskKind.PREDICT or any(release.what is Released.METRICS for release in task.releases)


def ordered(task: Task) -> Intersection | None:
    """The terms under which all parties upload the same rows in the same order; None if they do not."""
    terms = task.alignment
    return terms if isinstance(terms, Intersection) and terms.ordered else None


def names_ids(task: Task) -> bool:
    """Whether all parties commit to the same ids: to predict, or to upload in an agreed order."""
    return task.kind is TaskKind.PREDICT or ordered(task) is not None


def columns_of(task: Task, party: str) -> tuple[str, ...]:
    """What a task uses of a party's data: features, what rows are split and grouped by, and its label."""
    used = [feature.name for feature in task.features[party]]
    used += [column.name for column in evaluation_of(task).columns if column.owner == party]
    if task.label is not None and task.label.owner == party:
        used.append(task.label.name)
    return tuple(dict.fromkeys(used))


def crosses_of(task: Task, parties: Collection[str] | None = None) -> tuple[Cross, ...]:
    """The crosses of columns that all belong to these parties (None: to any)."""
    crosses = () if isinstance(task.crosses, UnsetType) else task.crosses
    if parties is None:
        return crosses
    return tuple(cross for cross in crosses if {owner for owner, _ in cross.of} <= set(parties))


def drifting(task: Task) -> set[tuple[str, str]]:
    """(party, column) of what the task tells drift, or makes a reference for it."""
    asked = {} if isinstance(task.statistics, UnsetType) else task.statistics.columns
    return {
        (party, name)
        for party, columns in asked.items()
        for name, figures in columns.items()
        if Figure.DRIFT in figures
    }


def features_of(task: Task) -> list[Feature]:
    """All fields of a model of all columns, in order."""
    own = [feature for party in task.participants for feature in task.features[party]]
    return own + [cross.feature for cross in crosses_of(task)]


def same_work(left: Task, right: Task) -> bool:
    """Whether two tasks use the same columns of the same parties, encoded alike."""
    return (
        left.participants == right.participants
        and left.features == right.features
        and left.crosses == right.crosses
        and left.encoding == right.encoding
        and left.id == right.id
    )
