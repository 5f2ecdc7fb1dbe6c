"""Trains models on the columns of some parties, all on the same rows, and scores the same held-out rows."""

import functools
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from confide.algorithms import model_file, registry
from confide.algorithms.base import Estimator, Floats, Shards, TrainingProgress, WarmStart
from confide.algorithms.evaluation import measures
from confide.algorithms.evaluation.measures import Grouped
from confide.algorithms.model import Model
from confide.algorithms.shards import count_rows, predict_shards
from confide.core import canonical
from confide.core.errors import WorkFailed
from confide.data.carrying import carried
from confide.data.columns import take_column
from confide.data.encoding import FeatureEncoder
from confide.data.split import IntArray, aside
from confide.data.statistics.drift import Reference, to_document
from confide.data.vocabulary import Scheme, Vocabulary
from confide.enclave.learning.statistics import Teller
from confide.enclave.rows.blaming import blaming
from confide.enclave.rows.encoded_rows import EncodedRows, EncodeRows, InMemory, Labels, Split
from confide.enclave.rows.in_turn import BlocksInTurn, InTurnRows
from confide.enclave.rows.opened import Opened
from confide.enclave.rows.out_of_core import OutOfCore
from confide.enclave.rows.parts import choose_parts, groups_of
from confide.enclave.storage.checkpoints import Checkpoints
from confide.enclave.storage.vault import Shelves
from confide.enclave.work import Step
from confide.protocol.blocks import SignedBlock
from confide.protocol.early_start import waits_because
from confide.protocol.messages import CHECKPOINT_REFUSED
from confide.protocol.statistics import Statistics
from confide.protocol.terms import Label, crosses_of, evaluation_of, releases_metrics

AS_THEY_COME: Final = "blocks as they come"
"""The stage of a first pass that began before the last block had come."""


@dataclass(slots=True, eq=False)
class Trained:
    """One trained model, and what it predicted on the held-out rows."""

    estimator: Estimator = field(repr=False)
    encoder: FeatureEncoder = field(repr=False)
    parameters: dict[str, Any]
    scores: Floats = field(repr=False)
    metrics: dict[str, Any]
    curve: tuple[dict[str, float], ...]


class Trainer:
    """One training round's rows: which train, which decide, which are held out."""

    def __init__(self, signed: SignedBlock, opened: Opened, shelves: Shelves) -> None:
        task = signed.block.task
        if task.label is None or task.split is None:
            raise WorkFailed("a training task has a label and a split")
        if opened.alignment.size < 2:  # noqa: PLR2004 - one row to train on, one to hold out
            raise WorkFailed("fewer than two rows have joined: nothing to train on and hold out")
        self._signed, self.task, self._opened, self._shelves = signed, task, opened, shelves
        self.asked = evaluation_of(task)
        self.seed = task.split.seed
        self.parameters: dict[str, Any] = dict(signed.block.algorithm.parameters)
        """Of all models from now on; tuning replaces them."""
        self._in_turn = signed.block.id_set is not None and not waits_because(
            task, in_turn=registry.learns_in_turn(signed.block.algorithm.name)
        )
        coming = opened.arriving
        labels = np.zeros(opened.alignment.size, np.float32) if coming else self._label(task.label)
        # Of labels that are still to come, none is asked for: see waits_because.
        parts = choose_parts(task, opened, labels)
        if self._in_turn or self._fits(len(parts.training)):
            parts.training.sort()
        # Training rows first: the encoded arrays are then cut without a copy of any part.
        order = np.concatenate((parts.training, parts.validation, parts.held))
        opened.reorder(order)
        self.labels: Labels = labels[order]
        """In this order; those of blocks that are still to come are 0."""
        self.training, self.validation = len(parts.training), len(parts.validation)
        if coming is not None:
            coming.on_block = self._labels_of_blocks(task.label)
        self.before_parting(lambda: self._groups)

    def _labels_of_blocks(self, label: Label) -> Callable[[int], None]:
        source, standing = self._opened.sources[label.owner], self._opened.positions(label.owner)
        starts = np.cumsum([0, *(entry.rows for entry in source.manifest.blocks)]).tolist()

        def take(block: int) -> None:
            with blaming(label.owner):
                found = source.batch(block, [label.name]).column(0).to_numpy()
            self.labels[standing[starts[block] : starts[block + 1]]] = found

        return take

    @functools.cached_property
    def _groups(self) -> Grouped | None:
        rows = np.arange(self.held.start, self._opened.alignment.size)
        return groups_of(self.asked, self._opened, rows)

    def _label(self, label: Label) -> Labels:
        chosen = self._opened.alignment.rows[label.owner]
        with blaming(label.owner):
            return take_column(self._opened.sources[label.owner], label.name, chosen).astype(np.float32)

    def _fits(self, rows: int) -> bool:
        return self._shelves.shard_rows is None or rows <= self._shelves.shard_rows

    @property
    def held(self) -> slice:
        """Where the held-out rows stand."""
        return slice(self.training + self.validation, None)

    @property
    def binary(self) -> bool:
        """Whether the loss is that of probabilities."""
        return bool(self._complete(self.parameters).get("loss", "logistic") == "logistic")

    def before_parting(self, read: Callable[[], object]) -> None:
        """Call this before the blocks are let go of: all of them have come then."""
        self._opened.parting.append(read)

    def held_ids(self) -> Any:
        """Pyarrow ChunkedArray, of the initiator's rows. Before the blocks are let go."""
        party, name = self.task.initiator, self.task.id.name
        return self._opened.sources[party].column(name).take(self._opened.alignment.rows[party][self.held])

    def encode(self, parties: tuple[str, ...], *, last: bool) -> Generator[Step, None, EncodedRows]:
        """The rows with the columns of these parties. After the `last` nothing more is read of the blocks."""
        split, shelves = Split(self.training, self.labels, self.validation), self._shelves
        encode = self._encoder(self._opened, split)
        if self._in_turn:
            encode = InTurnRows(self._opened, split, shelves.spools, shelves.shard_rows)
        return self._encode(encode, parties, last=last)

    def encode_fold(self, rest: IntArray, fold: IntArray) -> Generator[Step, None, EncodedRows]:
        """Other rows to train on and to score, by their places among those that are not held out."""
        training, validation = (
            aside(rest, self.asked.validation) if self.asked.validation else (rest, rest[:0])
        )
        if self._fits(len(training)):
            training = np.sort(training)
        order = np.concatenate((training, validation, fold))
        split = Split(len(training), self.labels[order], len(validation))
        encode = self._encoder(self._opened.chosen(order), split)
        return self._encode(encode, self.task.participants, last=False)

    def _encode(
        self, encode: EncodeRows, parties: tuple[str, ...], *, last: bool
    ) -> Generator[Step, None, EncodedRows]:
        own = [(party, feature) for party in parties for feature in self.task.features[party]]
        crosses = crosses_of(self.task, parties)
        return encode(own, crosses, self._vocabulary, last=last)

    def _encoder(self, opened: Opened, split: Split) -> EncodeRows:
        shelves = self._shelves
        if shelves.shard_rows is None or shelves.spools is None:
            return InMemory(opened, split)
        return OutOfCore(opened, split, shelves.spools, shelves.shard_rows)

    @property
    def _vocabulary(self) -> Vocabulary:
        encoding = self.task.encoding
        scheme = Scheme(encoding.vocabulary)
        return Vocabulary(scheme=scheme, bits=encoding.bits, minimum_count=encoding.minimum_count)

    def fit(
        self,
        rows: EncodedRows,
        stage: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        previous: Model | None = None,
        keeper: Checkpoints | None = None,
    ) -> Generator[Step, None, tuple[Estimator, tuple[dict[str, float], ...]]]:
        """Train one model; its curve has a point per epoch."""
        estimator = registry.build(self._signed.block.algorithm.name, parameters or self.parameters)
        estimator.positive_weight = self.asked.positive_weight
        start = _start(previous, rows.encoder)
        decide = rows.held if rows.validation is None else rows.validation
        reports: list[TrainingProgress] = []
        for report in estimator.fit_shards(
            rows.learn,
            holdout=decide,
            feature_count=rows.encoder.feature_count,
            start=start,
            keeper=keeper,
        ):
            if keeper is not None and keeper.refused and not reports and report.waits_for is None:
                yield Step(stage=CHECKPOINT_REFUSED, done=0, total=report.steps)
            figures = {}
            if report.waits_for is None:
                reports.append(report)
                figures = numbers(report, decided_apart=rows.validation is not None)
            yield _step(stage, report, rows.learn, figures)
        if self.asked.keep_negatives < 1:
            estimator.shift(math.log(self.asked.keep_negatives))
        return estimator, _curve(reports, decided_apart=rows.validation is not None)

    def train(
        self,
        rows: EncodedRows,
        stage: str,
        *,
        previous: Model | None = None,
        keeper: Checkpoints | None = None,
    ) -> Generator[Step, None, Trained]:
        """Train, and score the held-out rows."""
        estimator, curve = yield from self.fit(rows, stage, previous=previous, keeper=keeper)
        scores = predict_shards(estimator.predict, rows.held)
        found = self._measured(rows.held.labels, scores, count_rows(rows.learn))
        return Trained(estimator, rows.encoder, self._complete(self.parameters), scores, found, curve)

    def _measured(self, labels: Floats, scores: Floats, trained_on: int) -> dict[str, Any]:
        found = measures.basic(labels, scores)
        found |= {"rows_trained": trained_on, "rows_held_out": len(labels)}
        if self.task.evaluation:
            wanted = measures.Wanted(self.asked.thresholds, self.asked.shares, self.asked.bins)
            found["rows_validation"] = self.validation
            found |= measures.detailed(labels, scores, wanted, self._groups)
        return found

    def teller(self, asked: Statistics) -> Teller:
        """Of the columns, while the blocks are here."""
        return Teller(self.task, asked, self._opened, self._shelves)

    def release(self) -> None:
        """Let go of the blocks: nothing more will be read of them."""
        self._opened.release()

    def model(self, trained: Trained, references: Sequence[Reference]) -> bytes:
        """The model file of a trained model."""
        algorithm = self._signed.block.algorithm
        return model_file.write(
            model_file.ModelFile(
                algorithm=model_file.AlgorithmOfModel(
                    name=algorithm.name, version=algorithm.version, parameters=trained.parameters
                ),
                encoding=trained.encoder.to_document(),
                task=self.task.name,
                train_block=canonical.encode(self._signed).decode(),
                metrics=trained.metrics if releases_metrics(self.task) else {},
                arrays=trained.estimator.arrays(),
                reference=to_document(references),
            )
        )

    def _complete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return registry.complete_parameters(self._signed.block.algorithm.name, parameters)


def _step(stage: str, report: TrainingProgress, learn: Shards, figures: dict[str, float]) -> Step:
    """While rows are learned as they come: how many blocks, and no figures of rows that may be wrong."""
    if not isinstance(learn, BlocksInTurn) or not learn.unchecked:
        return Step(stage=stage, done=report.step, total=report.steps, metrics=figures)
    ready = None if report.waits_for is None else functools.partial(learn.ready, report.waits_for)
    return Step(stage=f"{stage}, {AS_THEY_COME}", done=learn.filled, total=learn.blocks, ready=ready)


def _start(previous: Model | None, encoder: FeatureEncoder) -> WarmStart | None:
    if previous is None:
        return None
    return WarmStart(previous.file.arrays, carried(previous.encoder, encoder))


def numbers(report: TrainingProgress, *, decided_apart: bool) -> dict[str, float]:
    """The figures that a report has. `decided_apart`: those of rows not trained on are the validation's."""
    named = {
        "epoch": float(report.epoch),
        "train_logloss": report.train_logloss,
        "train_rmse": report.train_rmse,
        "holdout_logloss": report.holdout_logloss,
        "holdout_auc": report.holdout_auc,
        "holdout_rmse": report.holdout_rmse,
    }
    known = {name: float(value) for name, value in named.items() if value is not None}
    if not decided_apart:
        return known
    return {name.replace("holdout", "validation"): value for name, value in known.items()}


def _curve(reports: list[TrainingProgress], *, decided_apart: bool) -> tuple[dict[str, float], ...]:
    """One point per epoch: the reports that carry figures of rows not trained on."""
    points = (numbers(report, decided_apart=decided_apart) for report in reports)
    return tuple(point for point in points if any(n.startswith(("holdout", "validation")) for n in point))
