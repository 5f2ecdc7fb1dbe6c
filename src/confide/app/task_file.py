"""TASK.toml: what an initiator writes to propose a training or a prediction."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from confide.algorithms import registry
from confide.app.evaluation_file import (
    EvaluationEntry,
    StatisticsEntry,
    TuningEntry,
    evaluation_of,
    released_with,
    statistics_of,
    tuning_of,
)
from confide.app.models import OpenedModel
from confide.app.party_config import convert, read_toml
from confide.core.errors import ConfigurationError
from confide.core.features import Cross, Feature
from confide.core.platform_api import TaskKind
from confide.protocol.document import Title
from confide.protocol.evaluation import Gate
from confide.protocol.statistics import Statistics
from confide.protocol.terms import (
    Encoding,
    IdColumn,
    Intersection,
    Label,
    Release,
    Released,
    Split,
    Task,
    Text,
    drifting,
)

DEFAULT_PURPOSE = "model training and prediction as described in the task"


class LabelEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [label]."""

    name: Title
    owner: str | None = None
    """Default: the initiator."""


class AlgorithmEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table [algorithm]."""

    name: Title = "afm"
    parameters: dict[str, Any] = {}


class _Common(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Title
    purpose: Text = DEFAULT_PURPOSE
    dataset: str
    """Folder of our own prepared dataset, relative to this file."""
    maximum_quarantined_share: Annotated[float, Meta(ge=0, le=1)] = 0.05
    alignment: Literal["enclave"] | Intersection = "enclave"
    """Where rows find each other; a table [alignment] asks for a private set intersection."""
    statistics: StatisticsEntry | None = None


class TrainFile(_Common, frozen=True, kw_only=True):
    """A training."""

    providers: tuple[str, ...]
    id: IdColumn
    label: LabelEntry
    features: dict[str, dict[str, str | dict[str, Any]]]
    """Per party: column name = "categorical" | "numeric" | { kind = …, transform = …, boundaries = … }."""
    crosses: dict[str, tuple[str, ...]] = {}
    """New name = the categorical features whose combinations it holds, each as PARTY.COLUMN."""
    algorithm: AlgorithmEntry = AlgorithmEntry()
    encoding: Encoding = Encoding()
    evaluation: EvaluationEntry = EvaluationEntry()
    tuning: TuningEntry | None = None
    gate: Gate | None = None
    release_metrics: bool = True
    release_held_out: bool = False
    """Also the predictions of the held-out rows: with them every figure can be computed again."""
    predictions_format: Literal["csv", "parquet"] = "csv"
    """Of the held-out predictions."""
    start_from: str | None = None
    """Model file of an earlier training of the same parties, relative to this file."""


class PredictFile(_Common, frozen=True, kw_only=True):
    """A prediction. Participants, columns and encoding are those that the model was trained with."""

    model: str | None = None
    """Model file, relative to this file; not given after `--then`: the model just trained."""
    predictions_format: Literal["csv", "parquet"] = "csv"


def read_train(path: Path, initiator: str) -> tuple[TrainFile, Task]:
    """Raises ConfigurationError or ParameterInvalid, naming the file and the field."""
    file = read_toml(path, TrainFile)
    try:
        task = _train_task(file, initiator, path)
    except ValueError as cause:
        raise ConfigurationError(f"{path}: {cause}") from None
    return file, task


def _train_task(file: TrainFile, initiator: str, path: Path) -> Task:
    features = {party: _features(columns, party, path) for party, columns in file.features.items()}
    decides = bool(file.tuning or file.algorithm.parameters.get("patience"))
    evaluation = evaluation_of(file.evaluation, features, decides=decides)
    tuning = tuning_of(file.tuning)
    statistics = statistics_of(file.statistics, features, labelled=True)
    released = [Released.MODEL]
    if file.release_metrics:
        released += [Released.METRICS, *released_with(evaluation, tuning, statistics)]
    if file.release_held_out:
        released.append(Released.HELD_OUT)
    return _checked(
        Task(
            name=file.name,
            kind=TaskKind.TRAIN,
            purpose=file.purpose,
            initiator=initiator,
            providers=file.providers,
            id=file.id,
            label=Label(name=file.label.name, owner=file.label.owner or initiator),
            features=features,
            crosses=_crosses(file.crosses),
            encoding=file.encoding,
            split=Split(holdout=file.evaluation.holdout, seed=file.evaluation.seed),
            baselines=_baselines(file.evaluation, features, initiator),
            maximum_quarantined_share=file.maximum_quarantined_share,
            releases=tuple(Release(what=what, to=initiator) for what in released),
            predictions_format=file.predictions_format,
            evaluation=evaluation,
            tuning=tuning,
            gate=UNSET if file.gate is None else file.gate,
            statistics=statistics,
            alignment=file.alignment,
        ),
        path,
    )


def _baselines(
    entry: EvaluationEntry, features: Mapping[str, tuple[Feature, ...]], initiator: str
) -> tuple[Literal["initiator", "providers"], ...]:
    if entry.lift:
        return ("initiator", "providers")
    return ("initiator",) if entry.alone and features.get(initiator) else ()


def _features(columns: Mapping[str, str | dict[str, Any]], party: str, path: Path) -> tuple[Feature, ...]:
    found = []
    for name, entry in columns.items():
        fields = {"kind": entry} if isinstance(entry, str) else entry
        found.append(convert({"name": name, **fields}, Feature, f"{path}: features.{party}.{name}"))
    return tuple(found)


def _crosses(entries: Mapping[str, tuple[str, ...]]) -> tuple[Cross, ...] | UnsetType:
    """Raises ValueError."""
    found = []
    for name, columns in entries.items():
        of = [column.partition(".") for column in columns]
        if not all(dot for _, dot, _ in of):
            raise ValueError(f"crosses.{name}: name each column as PARTY.COLUMN")
        found.append(Cross(name=name, of=tuple((owner, column) for owner, _, column in of)))
    return tuple(found) or UNSET


def parameters_of(file: TrainFile) -> dict[str, Any]:
    """Complete parameters, defaults included, so that the agreement holds them all.

    Raises AlgorithmNotListed, ParameterInvalid.
    """
    return registry.complete_parameters(file.algorithm.name, file.algorithm.parameters)


def read_predict(path: Path) -> PredictFile:
    """Raises ConfigurationError, naming the file and the field."""
    return read_toml(path, PredictFile)


def predict_task(file: PredictFile, path: Path, trained: Task) -> Task:
    """The prediction task that belongs to a training task. Raises ConfigurationError."""
    try:
        statistics = statistics_of(file.statistics, trained.features, labelled=False)
        task = _predict_task(file, path, trained, statistics)
    except ValueError as cause:
        raise ConfigurationError(f"{path}: {cause}") from None
    unknown = [f"{party}.{name}" for party, name in sorted(drifting(task) - drifting(trained))]
    if unknown:
        raise ConfigurationError(
            f"{path}: drift of {', '.join(unknown)} can't be told: the model's training has not released it"
        )
    return task


def _predict_task(file: PredictFile, path: Path, trained: Task, statistics: Statistics | UnsetType) -> Task:
    released = [Released.PREDICTIONS, *([Released.STATISTICS] if statistics else [])]
    return _checked(
        Task(
            name=file.name,
            kind=TaskKind.PREDICT,
            purpose=file.purpose,
            initiator=trained.initiator,
            providers=trained.providers,
            id=trained.id,
            label=None,
            features=trained.features,
            crosses=trained.crosses,
            encoding=trained.encoding,
            split=None,
            baselines=(),
            maximum_quarantined_share=file.maximum_quarantined_share,
            releases=tuple(Release(what=what, to=trained.initiator) for what in released),
            alignment=file.alignment,
            predictions_format=file.predictions_format,
            statistics=statistics,
        ),
        path,
    )


def brought_model(file: PredictFile, path: Path) -> OpenedModel:
    """The model that a prediction file names. Raises ConfigurationError, ModelFileInvalid."""
    if file.model is None:
        raise ConfigurationError(f"{path}: 'model' names the model file that the training returned")
    return OpenedModel.read(path.resolve().parent / file.model)


def model_to_start_from(file: TrainFile, path: Path) -> OpenedModel | None:
    """The model that a training file names, if it does. Raises ModelFileInvalid."""
    return None if file.start_from is None else OpenedModel.read(path.resolve().parent / file.start_from)


def _checked(task: Task, path: Path) -> Task:
    """The structs check ranges when they are decoded: decode once what we have built."""
    return convert(msgspec.to_builtins(task), Task, str(path))
