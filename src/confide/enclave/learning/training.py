"""Task one inside the enclave: join, encode, tune, train, evaluate, probe, write the model file."""

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import numpy as np

from confide.algorithms.base import Floats
from confide.algorithms.evaluation import measures
from confide.algorithms.evaluation.bootstrap import resampled
from confide.algorithms.evaluation.importance import permutation_importance
from confide.algorithms.evaluation.lift_report import lift_report
from confide.algorithms.evaluation.sample import sample
from confide.algorithms.model import Model
from confide.algorithms.shards import predict_shards
from confide.core import limits
from confide.core.errors import ModelFileInvalid, ModelNotUsable, WorkFailed
from confide.core.ports import Clock, Randomness
from confide.data import split
from confide.data.predictions import PROBABILITY, encode_columns
from confide.data.statistics.drift import Reference
from confide.enclave.learning.gate import probe
from confide.enclave.learning.trainer import Trained, Trainer
from confide.enclave.learning.tuning import tune
from confide.enclave.rows.arriving import Arriving
from confide.enclave.rows.encoded_rows import EncodedRows
from confide.enclave.rows.opened import Opened, fields_of, open_arriving, open_shelves
from confide.enclave.storage.checkpoints import Checkpoints
from confide.enclave.storage.vault import Shelves
from confide.enclave.work import Outcome, Step
from confide.protocol.blocks import SignedBlock
from confide.protocol.evaluation import Gate, GateFigures, Tuning
from confide.protocol.receipts import PrivatePart
from confide.protocol.statistics import Statistics
from confide.protocol.terms import Released, ordered

SALT_BYTES = 32


def run(
    signed: SignedBlock,
    model: bytes,
    shelves: Shelves,
    randomness: Randomness,
    *,
    clock: Clock,
    checkpoints: Checkpoints | None = None,
) -> Iterator[Step]:
    """See enclave.work.Work. Baselines start from nothing: the model knows more than they may see."""
    previous = _opened(model)
    opened = yield from _open(signed, shelves)
    training = Training(Trainer(signed, opened, shelves), clock)
    joint = yield from training.run(previous, checkpoints)
    if opened.arriving is not None:
        yield from _checked(opened.arriving)
    report = PrivatePart(salt=randomness.bytes(SALT_BYTES), metrics=training.found, curve=joint.curve)
    yield Step(
        outcome=Outcome(
            data=training.trainer.model(joint, training.references),
            rows=opened.counts,
            report=report,
            held_out=training.held_out_file(),
            gate=training.gate,
        )
    )


def _open(signed: SignedBlock, shelves: Shelves) -> Generator[Step, None, Opened]:
    task, id_set, terms = signed.block.task, signed.block.id_set, ordered(signed.block.task)
    if shelves.arrived is not None and terms is not None and id_set is not None:
        return open_arriving(task, terms, shelves, id_set)
    yield Step(stage="join", done=0, total=1)
    opened = open_shelves(task, shelves, id_set)
    yield Step(stage="join", done=1, total=1)
    return opened


def _checked(arriving: Arriving) -> Generator[Step, None, None]:
    """Nothing leaves before every party's rows have been held against the agreement."""
    last = arriving.blocks
    while not arriving.ready(last):
        yield Step(stage="check", done=0, total=1, ready=partial(arriving.ready, last))
    arriving.check_all()


def _opened(model: bytes) -> Model | None:
    try:
        return Model.read(model) if model else None
    except ModelFileInvalid as cause:
        raise ModelNotUsable(f"the model to start from can't be opened: {cause.message}") from None


class Training:
    """From encoded rows to all that is told about the joint model."""

    def __init__(self, trainer: Trainer, clock: Clock) -> None:
        self.trainer, self._task, self._clock = trainer, trainer.task, clock
        self._seed = trainer.seed
        released = {release.what for release in self._task.releases}
        self._tells_held_out, self._held_ids = Released.HELD_OUT in released, None
        trainer.before_parting(self._take_held_ids)
        self._scores: dict[str, Floats] = {}
        self.found: dict[str, Any] = {}
        """What is told, beside the curve."""
        self.gate: GateFigures | None = None
        self.references: list[Reference] = []

    def _take_held_ids(self) -> None:
        if self._tells_held_out and self._held_ids is None:
            self._held_ids = self.trainer.held_ids()

    def run(self, previous: Model | None, checkpoints: Checkpoints | None) -> Generator[Step, None, Trained]:
        """Returns the joint model. Raises ModelKeptBack when the gate says so, before more is trained."""
        trainer, task = self.trainer, self._task
        asked, again = task.statistics, bool(task.baselines or trainer.asked.cross_validation)
        rows = yield from trainer.encode(task.participants, last=not again and not asked)
        if isinstance(asked, Statistics):
            teller = trainer.teller(asked)
            self.found["statistics"] = yield from teller.of_training(trainer.labels, rows.encoder)
            self.references = teller.references
            if not again:
                trainer.release()
        if isinstance(task.tuning, Tuning):
            self.found["tuning"] = yield from tune(trainer, rows, task.tuning, self._clock)
        # What is chosen by trials may be chosen otherwise the next time: a state of it is none to go on from.
        keeper = None if isinstance(task.tuning, Tuning) else checkpoints
        joint = yield from trainer.train(rows, "train", previous=previous, keeper=keeper)
        self.found["joint"], self._scores["joint"] = joint.metrics, joint.scores
        if isinstance(task.gate, Gate):
            yield Step(stage="probe", done=0, total=1)
            self.gate = probe(trainer, rows, joint.estimator, task.gate)
        yield from self._importance(rows, joint)
        rows.close()
        del rows  # what is encoded next must not stand beside it
        yield from self._cross_validation()
        yield from self._baselines()
        yield from self._lift_report()
        return joint

    def _importance(self, rows: EncodedRows, joint: Trained) -> Generator[Step, None, None]:
        repeats = self.trainer.asked.importance
        if not repeats:
            return
        fields, told = fields_of(self._task, self._task.participants), list[dict[str, Any]]()
        some, predict = sample(rows.held, limits.PROBE_ROWS, self._seed), joint.estimator.predict
        measured = permutation_importance(
            predict, some, binary=self.trainer.binary, repeats=repeats, seed=self._seed
        )
        for (party, feature), (added, deviation) in zip(fields, measured, strict=True):
            told.append({"party": party, "column": feature.name, "loss_added": added, "deviation": deviation})
            yield Step(stage="importance", done=len(told), total=len(fields))
        self.found["importance"] = {"rows": len(some), "fields": told}

    def _cross_validation(self) -> Generator[Step, None, None]:
        trainer, count = self.trainer, self.trainer.asked.cross_validation
        if not count:
            return
        try:
            parts = split.folds(np.arange(trainer.held.start), count, self._seed)
        except ValueError as cause:
            raise WorkFailed(str(cause)) from None
        told = []
        for number, fold in enumerate(parts, start=1):
            rest = np.concatenate([part for part in parts if part is not fold])
            rows = yield from trainer.encode_fold(rest, fold)
            estimator, _ = yield from trainer.fit(rows, f"fold {number} of {count}")
            told.append(measures.basic(rows.held.labels, predict_shards(estimator.predict, rows.held)))
            rows.close()
            del rows, estimator
        self.found["cross_validation"] = measures.over_folds(told)

    def _baselines(self) -> Generator[Step, None, None]:
        task, trainer = self._task, self.trainer
        for number, baseline in enumerate(task.baselines, start=1):
            parties = (task.initiator,) if baseline == "initiator" else task.providers
            rows = yield from trainer.encode(parties, last=number == len(task.baselines))
            trained = yield from trainer.train(rows, f"baseline: {baseline}")
            rows.close()
            del rows
            self.found[baseline], self._scores[baseline] = trained.metrics, trained.scores

    def _lift_report(self) -> Generator[Step, None, None]:
        total, labels = self.trainer.asked.resamples, self.trainer.labels[self.trainer.held]
        if not total:
            return
        if not measures.is_binary(labels):
            raise WorkFailed("a lift report compares AUC and logloss: the labels must be 0 and 1")
        drawn = []
        for found in resampled(labels, self._scores, total, self._seed):
            drawn.append(found)
            yield Step(stage="lift report", done=len(drawn) - 1, total=total)
        self.found["lift"] = lift_report(drawn)

    def held_out_file(self) -> bytes:
        """Id, predictions of each model and, if it is the initiator's own, label of the held-out rows."""
        task = self._task
        self._take_held_ids()
        if self._held_ids is None:
            return b""
        columns = {PROBABILITY: self._scores["joint"]}
        columns |= {f"{PROBABILITY}_{name}": self._scores[name] for name in task.baselines}
        if task.label is not None and task.label.owner == task.initiator:
            columns[task.label.name] = self.trainer.labels[self.trainer.held]
        parquet = task.predictions_format == "parquet"
        return encode_columns(task.id.name, self._held_ids, columns, parquet=parquet)
