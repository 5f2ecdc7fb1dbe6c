"""The training loop: epochs, shuffled batches, held-out scores, early stopping. It knows no model."""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from threadpoolctl import threadpool_limits

from confide.algorithms import metrics
from confide.algorithms.base import Batch, Floats, Integers, InTurn, Keeper, Shards, TrainingProgress
from confide.algorithms.checkpoint import Resumable, pack, unpack
from confide.algorithms.shards import count_rows, predict_shards
from confide.core import limits
from confide.core.errors import WorkFailed


class Learner(Protocol):
    """What the loop asks of a model."""

    def learn(self, batch: Batch) -> float:
        """One update. Returns the batch's summed loss as it was before the update."""
        ...

    def predict(self, indices: Integers, values: Floats) -> Floats:
        """(n,) predictions."""
        ...

    def snapshot(self) -> Any:
        """A copy of all learned numbers."""
        ...

    def restore(self, snapshot: Any) -> None:
        """Back to what `snapshot` returned."""
        ...


@runtime_checkable
class RowsLearner(Protocol):
    """A learner that goes through many batches by itself: no Python for each of them."""

    def learn_rows(self, data: Batch, order: Integers, batch_size: int) -> float:
        """One update per `batch_size` rows of `data` in this order. The sum of what `learn` would return."""
        ...

    def predict(self, indices: Integers, values: Floats) -> Floats:
        """(n,) predictions."""
        ...

    def snapshot(self) -> Any:
        """A copy of all learned numbers."""
        ...

    def restore(self, snapshot: Any) -> None:
        """Back to what `snapshot` returned."""
        ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and in which order to learn."""

    epochs: int
    batch_size: int
    patience: int
    """Epochs without a better held-out loss before stopping; 0: never stop early."""
    seed: int
    binary: bool
    """Which figures are reported: logloss and AUC, or RMSE."""
    positive_weight: float = 1.0
    """How often a row with label 1 is learned in an epoch (1 or more)."""


def train(
    learner: Learner | RowsLearner,
    data: Shards,
    holdout: Shards | None,
    schedule: Schedule,
    keeper: Keeper | None = None,
) -> Iterator[TrainingProgress]:
    """Train, reporting every limits.PROGRESS_ROWS rows and at the end of each epoch.

    In each epoch the shards come in another order, and so do the rows of each; no batch crosses shards.
    Of shards that are InTurn the first pass takes each in its turn, as soon as it is ready.

    One BLAS thread: the products are small, and the sums then do not depend on the number of cores.
    With patience and held-out rows, the learner ends with the numbers of its best epoch.

    With a keeper that has a state, the reports of the epochs that it has behind it come at once, again.

    Raises:
        WorkFailed: the loss is no longer a finite number.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield from _train(learner, data, holdout, schedule, keeper)


def _train(
    learner: Learner | RowsLearner,
    data: Shards,
    holdout: Shards | None,
    schedule: Schedule,
    keeper: Keeper | None,
) -> Iterator[TrainingProgress]:
    order = np.random.Generator(np.random.PCG64(schedule.seed))
    best, ends = _Best(), list[TrainingProgress]()
    if keeper is not None and isinstance(learner, Resumable):
        ends = _go_on(keeper, learner, order, best)
        yield from ends
    for epoch in range(len(ends) + 1, schedule.epochs + 1):
        end = yield from _epoch(learner, data, schedule, epoch, order)
        end, loss = _with_holdout(end, learner, holdout)
        ends.append(end)
        yield end
        if schedule.patience and loss is not None:
            best.see(epoch, loss, learner)
            if epoch - best.epoch >= schedule.patience:
                break
        if keeper is not None and isinstance(learner, Resumable) and epoch < schedule.epochs:
            keeper.keep(partial(pack, learner, order, ends, (best.epoch, best.loss, best.snapshot)))
    if best.snapshot is not None:
        learner.restore(best.snapshot)


def _go_on(
    keeper: Keeper, learner: Resumable, order: np.random.Generator, best: "_Best"
) -> list[TrainingProgress]:
    """The reports of the epochs that need not be learned again."""
    state = keeper.found()
    found = unpack(state, learner, order) if state is not None else None
    if found is None:
        return []
    ends, earlier = found
    if earlier is not None:
        best.epoch, best.loss, best.snapshot = earlier
    return ends


@dataclass(slots=True)
class _Best:
    """The epoch with the least held-out loss so far."""

    epoch: int = 0
    loss: float = math.inf
    snapshot: Any = None

    def see(self, epoch: int, loss: float, learner: Learner | RowsLearner) -> None:
        if loss < self.loss:
            self.epoch, self.loss, self.snapshot = epoch, loss, learner.snapshot()


def _epoch(
    learner: Learner | RowsLearner, data: Shards, schedule: Schedule, epoch: int, order: np.random.Generator
) -> Generator[TrainingProgress, None, TrainingProgress]:
    """Yields the reports inside an epoch; returns the one of its end."""
    size = schedule.batch_size
    per_epoch = _updates(data, schedule)
    report_rows = max(1, limits.PROGRESS_ROWS // size) * size
    step, done, total = (epoch - 1) * per_epoch, 0, 0.0
    for at in _order_of_shards(data, epoch, order):
        yield from waiting(data, at, _silent(schedule, epoch, step, per_epoch))
        batch = data.load(at)
        rows = order.permutation(_weighted(batch, schedule.positive_weight, order))
        for start in range(0, len(rows), report_rows):
            if done:
                yield _report(schedule, epoch, step, per_epoch, total / done)
            piece = rows[start : start + report_rows]
            total += _learn(learner, batch, piece, size)
            step, done = step + -(-len(piece) // size), done + len(piece)
    return _report(schedule, epoch, epoch * per_epoch, per_epoch, total / done)


def _updates(data: Shards, schedule: Schedule) -> int:
    """In an epoch; with weights, as expected."""
    size, more = schedule.batch_size, 0.0
    if schedule.positive_weight > 1:
        more = (schedule.positive_weight - 1) * float((data.labels > 0.5).mean())  # noqa: PLR2004 - 0 or 1
    return sum(-(-rows // size) for rows in data.sizes) + int(more * sum(data.sizes)) // size


def _weighted(data: Batch, weight: float, random: np.random.Generator) -> Integers | int:
    """What a permutation is taken of: the rows, those with label 1 as often as the weight says."""
    if weight <= 1:
        return len(data)
    positive = data.labels > 0.5  # noqa: PLR2004 - labels are 0 or 1
    whole = int(weight)
    copies = np.where(positive, whole + (random.random(len(data)) < weight - whole), 1)
    return np.repeat(np.arange(len(data)), copies)


def _order_of_shards(data: Shards, epoch: int, order: np.random.Generator) -> list[int]:
    """One shard draws nothing: the rows then come in the order that they always had. Nor does a first pass
    that takes shards as they come.
    """
    count = len(data.sizes)
    if count == 1 or (epoch == 1 and isinstance(data, InTurn)):
        return list(range(count))
    drawn: list[int] = order.permutation(count).tolist()
    return drawn


def waiting(data: Shards, at: int, report: TrainingProgress) -> Iterator[TrainingProgress]:
    """`report`, as often as it is asked for while the shard is not ready."""
    while isinstance(data, InTurn) and not data.ready(at):
        yield replace(report, waits_for=at)


def _learn(learner: Learner | RowsLearner, data: Batch, order: Integers, size: int) -> float:
    """The summed loss of rows learned in this order, each batch before its update."""
    with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported below, once
        if isinstance(learner, RowsLearner):
            return _finite(learner.learn_rows(data, order, size))
        return sum(
            _finite(learner.learn(data.rows(order[start : start + size])))
            for start in range(0, len(order), size)
        )


def _finite(loss: float) -> float:
    if not math.isfinite(loss):
        raise WorkFailed("the training diverged: the loss is not finite; lower the learning rate")
    return loss


def _silent(schedule: Schedule, epoch: int, step: int, per_epoch: int) -> TrainingProgress:
    """Without figures."""
    steps = schedule.epochs * per_epoch
    return TrainingProgress(epoch=epoch, epochs=schedule.epochs, step=step, steps=steps, train_logloss=None)


def _report(schedule: Schedule, epoch: int, step: int, per_epoch: int, loss: float) -> TrainingProgress:
    return TrainingProgress(
        epoch=epoch,
        epochs=schedule.epochs,
        step=step,
        steps=schedule.epochs * per_epoch,
        train_logloss=loss if schedule.binary else None,
        train_rmse=None if schedule.binary else math.sqrt(loss),
    )


def _with_holdout(
    end: TrainingProgress, learner: Learner | RowsLearner, holdout: Shards | None
) -> tuple[TrainingProgress, float | None]:
    """The report with the held-out figures, and the one to compare epochs by."""
    if holdout is None or not count_rows(holdout):
        return end, None
    predictions = predict_shards(learner.predict, holdout)
    if end.train_logloss is None:
        rmse = metrics.rmse(holdout.labels, predictions)
        return replace(end, holdout_rmse=rmse), rmse
    loss = metrics.logloss(holdout.labels, predictions)
    return replace(end, holdout_logloss=loss, holdout_auc=metrics.auc(holdout.labels, predictions)), loss
