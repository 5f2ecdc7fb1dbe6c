"""Task one inside the enclave: join, encode, train, evaluate, write the model file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from confide.algorithms import metrics, model_file, registry
from confide.algorithms.base import Estimator, TrainingProgress, WarmStart
from confide.algorithms.model import Model
from confide.algorithms.shards import count_rows, predict_shards
from confide.core import canonical
from confide.core.errors import ModelFileInvalid, ModelNotUsable, WorkFailed
from confide.core.ports import Randomness
from confide.data.carrying import carried
from confide.data.columns import take_column
from confide.data.encoding import FeatureEncoder
from confide.data.split import holdout
from confide.data.vocabulary import Scheme, Vocabulary
from confide.enclave.encoded_rows import EncodeRows, InMemory, Split
from confide.enclave.opened import Opened, blaming, fields_of, open_shelves
from confide.enclave.out_of_core import OutOfCore
from confide.enclave.release import releases_metrics
from confide.enclave.round import Outcome
from confide.enclave.vault import Shelves
from confide.enclave.work import Step
from confide.protocol.blocks import SignedBlock
from confide.protocol.receipts import PrivatePart
from confide.protocol.terms import Label, Task

SALT_BYTES = 32


@dataclass(slots=True)
class Trained:
    """One trained model and what it scored on the held-out rows."""

    estimator: Estimator
    encoder: FeatureEncoder
    metrics: dict[str, Any]
    curve: tuple[dict[str, float], ...]


class Trainer:
    """Trains the joint model, then the baselines, on the same training rows, and scores the same held-out."""

    def __init__(self, signed: SignedBlock, opened: Opened, shelves: Shelves) -> None:
        task = signed.block.task
        if task.label is None or task.split is None:
            raise WorkFailed("a training task has a label and a split")
        self._signed, self._task, self._opened = signed, task, opened
        joined = opened.alignment.size
        if joined < 2:  # noqa: PLR2004 - one row to train on, one to hold out
            raise WorkFailed("fewer than two rows have joined: nothing to train on and hold out")
        rows, held = holdout(joined, task.split.holdout, task.split.seed, mixed=True)
        if shelves.shard_rows is None or len(rows) <= shelves.shard_rows:
            rows.sort()
        # Training rows first: the encoded arrays are then cut in two without a copy of either part.
        opened.reorder(np.concatenate((rows, held)))
        split = Split(len(rows), self._label(task.label))
        self._encode: EncodeRows = InMemory(opened, split)
        if shelves.shard_rows is not None and shelves.spools is not None:
            self._encode = OutOfCore(opened, split, shelves.spools, shelves.shard_rows)

    def _label(self, label: Label) -> npt.NDArray[np.float32]:
        chosen = self._opened.alignment.rows[label.owner]
        with blaming(label.owner):
            return take_column(self._opened.sources[label.owner], label.name, chosen).astype(np.float32)

    def train(
        self, parties: tuple[str, ...], stage: str, *, last: bool, previous: Model | None = None
    ) -> Iterator[Step]:
        """Train on the columns of these parties; `result` holds the model afterwards.

        Before the `last` training the blocks are let go: all that is needed of them is encoded by then.
        """
        fields = fields_of(self._task, parties)
        rows = yield from self._encode(fields, _vocabulary(self._task), last=last)
        algorithm = self._signed.block.algorithm
        estimator = registry.build(algorithm.name, algorithm.parameters)
        reports: list[TrainingProgress] = []
        features = rows.encoder.feature_count
        start = _start(previous, rows.encoder)
        for report in estimator.fit_shards(
            rows.learn, holdout=rows.held, feature_count=features, start=start
        ):
            reports.append(report)
            yield Step(stage=stage, done=report.step, total=report.steps, metrics=_numbers(report))
        scores = predict_shards(estimator.predict, rows.held)
        rows.close()
        scored = _evaluate(rows.held.labels, scores, count_rows(rows.learn))
        self.result = Trained(estimator, rows.encoder, scored, _curve(reports))

    def model(self, trained: Trained) -> bytes:
        """The model file of a trained model."""
        block = self._signed.block
        algorithm = model_file.AlgorithmOfModel(
            name=block.algorithm.name,
            version=block.algorithm.version,
            parameters=registry.complete_parameters(block.algorithm.name, block.algorithm.parameters),
        )
        return model_file.write(
            model_file.ModelFile(
                algorithm=algorithm,
                encoding=trained.encoder.to_document(),
                task=self._task.name,
                train_block=canonical.encode(self._signed).decode(),
                metrics=trained.metrics if releases_metrics(self._task) else {},
                arrays=trained.estimator.arrays(),
            )
        )


def run(signed: SignedBlock, model: bytes, shelves: Shelves, randomness: Randomness) -> Iterator[Step]:
    """See enclave.work.Work. Baselines start from nothing: the model knows more than they may see."""
    task = signed.block.task
    previous = _opened(model)
    yield Step(stage="join", done=0, total=1)
    opened = open_shelves(task, shelves, signed.block.id_set)
    yield Step(stage="join", done=1, total=1)
    trainer = Trainer(signed, opened, shelves)
    yield from trainer.train(task.participants, "train", last=not task.baselines, previous=previous)
    previous = None
    joint = trainer.result
    found: dict[str, Any] = {"joint": joint.metrics}
    for number, baseline in enumerate(task.baselines, start=1):
        last = number == len(task.baselines)
        yield from trainer.train((task.initiator,), f"baseline: {baseline}", last=last)
        found[baseline] = trainer.result.metrics
    report = PrivatePart(salt=randomness.bytes(SALT_BYTES), metrics=found, curve=joint.curve)
    yield Step(outcome=Outcome(data=trainer.model(joint), rows=opened.counts, report=report))


def _opened(model: bytes) -> Model | None:
    try:
        return Model.read(model) if model else None
    except ModelFileInvalid as cause:
        raise ModelNotUsable(f"the model to start from can't be opened: {cause.message}") from None


def _start(previous: Model | None, encoder: FeatureEncoder) -> WarmStart | None:
    if previous is None:
        return None
    return WarmStart(previous.file.arrays, carried(previous.encoder, encoder))


def _vocabulary(task: Task) -> Vocabulary:
    encoding = task.encoding
    return Vocabulary(
        scheme=Scheme(encoding.vocabulary), bits=encoding.bits, minimum_count=encoding.minimum_count
    )


def _evaluate(labels: Any, scores: Any, trained_on: int) -> dict[str, Any]:
    auc = metrics.auc(labels, scores)
    found = {
        "logloss": metrics.logloss(labels, scores),
        "rmse": metrics.rmse(labels, scores),
        "accuracy": metrics.accuracy(labels, scores),
        "label_mean": float(np.mean(labels)),
        "rows_trained": trained_on,
        "rows_held_out": len(labels),
    }
    return found if auc is None else {"auc": auc, **found}


def _numbers(report: TrainingProgress) -> dict[str, float]:
    named = {
        "epoch": float(report.epoch),
        "train_logloss": report.train_logloss,
        "train_rmse": report.train_rmse,
        "holdout_logloss": report.holdout_logloss,
        "holdout_auc": report.holdout_auc,
        "holdout_rmse": report.holdout_rmse,
    }
    return {name: float(value) for name, value in named.items() if value is not None}


def _curve(reports: list[TrainingProgress]) -> tuple[dict[str, float], ...]:
    """One point per epoch: the reports that carry held-out figures."""
    points = (_numbers(report) for report in reports)
    return tuple(point for point in points if any(name.startswith("holdout") for name in point))
