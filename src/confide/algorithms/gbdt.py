"""Gradient-boosted trees (Friedman 2001, Ann. Stat. 29), grown by LightGBM (Ke et al. 2017, NeurIPS).

    y(x) = Σ_t tree_t(numbers of x)

gbdt_numbers.py says how a row becomes numbers, gbdt_trees.py how trees score it: nobody needs LightGBM to use
a model. An epoch is one tree.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from confide.algorithms import gbdt_numbers, gbdt_trees, losses, metrics
from confide.algorithms import parameters as p
from confide.algorithms.base import (
    Batch,
    Estimator,
    Floats,
    Integers,
    Keeper,
    Shards,
    TrainingProgress,
    WarmStart,
    check_encoded,
    check_rows,
    check_size,
)
from confide.algorithms.gbdt_numbers import PIECE_ROWS, Dealt, NumberMap, pieces_of
from confide.algorithms.gbdt_trees import Trees
from confide.algorithms.lightgbm_library import Booster, Rows
from confide.algorithms.shards import Checked, count_rows
from confide.core.errors import ModelFileInvalid, ModelNotUsable, WorkFailed
from confide.data.ordered_pool import map_in_order, workers

SAMPLE_ROWS: Final = 200_000
"""By which LightGBM decides where its bins end."""
REPORTS: Final = 50
"""At most so many in a training, beside the first and the last."""
_ROW_BYTES: Final = 64
"""Of a row beside its bins: label, score, gradients, its place; and predictions while they are told."""
_NUMBER_BYTES: Final = 12
"""Of a number while it is made: itself, and of its field index, value and mean."""
_SAMPLED_BYTES: Final = 4 + 8 + 4 + 8
"""Of a number of the sample: as it is, as a column of the library's type, its place, and the column told."""
_BIN_COPIES: Final = 3
"""A byte per field, by column and by row, and while the one is made from the other."""


class GbdtParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """LightGBM's own defaults, but for shrinkage of the categories' means."""

    trees: Annotated[int, msgspec.Meta(ge=1, le=10_000, description="at most")] = 200
    learning_rate: Annotated[float, msgspec.Meta(gt=0, le=1, description="shrinkage of each tree")] = 0.1
    leaves: Annotated[int, msgspec.Meta(ge=2, le=4_096, description="of a tree, at most")] = 31
    minimum_leaf_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000, description="training rows")] = 20
    row_share: Annotated[float, msgspec.Meta(gt=0, le=1, description="of the rows, drawn for each tree")] = (
        1.0
    )
    field_share: Annotated[
        float, msgspec.Meta(gt=0, le=1, description="of the fields, drawn for each tree")
    ] = 1.0
    l2: Annotated[float, msgspec.Meta(ge=0, le=1_000_000, description="λ on the leaves' values")] = 0.0
    bins: Annotated[int, msgspec.Meta(ge=2, le=255, description="of each field's numbers")] = 255
    smoothing: Annotated[
        float,
        msgspec.Meta(gt=0, le=1_000_000, description="rows of average labels added to each category"),
    ] = 10.0
    loss: p.Loss = "logistic"
    patience: p.Patience = 0
    seed: p.Seed = 0


class Gbdt(Estimator):
    """The estimator; see the module for the model."""

    name = "gbdt"
    title = "Gradient-boosted decision trees, by LightGBM"
    version = "1"
    starts_from_model = False
    Parameters: ClassVar[type[msgspec.Struct]] = GbdtParameters
    sources = ("gbdt.py", "gbdt_numbers.py", "gbdt_trees.py", "lightgbm_library.py", *p.COMMON_SOURCES)

    def __init__(self, parameters: GbdtParameters) -> None:
        self._parameters = parameters
        self._loss = losses.LOSSES[parameters.loss]
        self._learned: tuple[NumberMap, Trees] | None = None

    def fit_shards(
        self,
        data: Shards,
        *,
        holdout: Shards | None = None,
        feature_count: int,
        start: WarmStart | None = None,
        keeper: Keeper | None = None,
    ) -> Iterator[TrainingProgress]:
        del keeper  # trees have no checkpoints: they begin again
        if start is not None:
            raise ModelNotUsable("gbdt starts from nothing: propose it without a model to start from")
        fields, binary = data.fields, self._loss.binary

        def check(batch: Batch) -> None:
            check_rows(batch, fields=fields, feature_count=feature_count, binary=binary)

        check_size(fields=fields, feature_count=feature_count, numbers_per_feature=1)
        data = Checked(data, check)
        held = Checked(holdout, check) if holdout is not None and count_rows(holdout) else None
        if not count_rows(data):
            raise WorkFailed("no rows to learn from")
        dealing, drawing, growing = np.random.SeedSequence(self._parameters.seed).generate_state(3)
        dealt = Dealt(data, feature_count, int(dealing), self._parameters.smoothing)
        settings = self._settings(int(growing) >> 1)
        rows = _rows_of(dealt, data, settings, np.random.Generator(np.random.PCG64(int(drawing))))
        held_rows = None if held is None else _held_rows(dealt.map, held, rows)
        growth = _Growth(Booster(rows, held_rows, settings), data.labels, held, self._parameters)
        yield from growth.grow()
        self._learned = dealt.map, Trees.from_text(growth.booster.text(growth.best or growth.grown))

    def working_bytes(self, fields: int, *, rows: int = 0, features: int = 0) -> int:
        numbers = 2 * fields  # of a row, at most
        # Per thread one being made into numbers and one that waits, and the one that is taken.
        pieces = (2 * workers() + 1) * max(PIECE_ROWS, gbdt_trees.GROUP_ROWS) * numbers * _NUMBER_BYTES
        sample = min(rows, SAMPLE_ROWS) * numbers * _SAMPLED_BYTES
        # The sample is gone before there are bins.
        held = max(rows * _BIN_COPIES * numbers, sample) + rows * _ROW_BYTES
        return held + pieces + features * gbdt_numbers.BYTES_PER_FEATURE

    def predict(self, indices: Integers, values: Floats) -> npt.NDArray[np.float32]:
        numbers, trees = self._trained()
        check_encoded(indices, values, fields=len(numbers.numeric), feature_count=self.feature_count)
        scorer = trees.scorer()

        def score(first: int) -> npt.NDArray[np.float32]:
            rows = slice(first, first + gbdt_trees.GROUP_ROWS)
            outputs = scorer(numbers.numbers(indices[rows], values[rows]))
            return self._loss.predictions(outputs).astype(np.float32)

        groups = map_in_order(score, range(0, len(indices), gbdt_trees.GROUP_ROWS))
        return np.concatenate([np.empty(0, np.float32), *groups])

    @property
    def feature_count(self) -> int:
        return len(self._trained()[0].means)

    def arrays(self) -> dict[str, Floats]:
        numbers, trees = self._trained()
        return numbers.arrays() | trees.arrays()

    @classmethod
    def from_arrays(cls, parameters: Any, arrays: Mapping[str, Floats]) -> Self:
        names = {*gbdt_numbers.NAMES, *gbdt_trees.NAMES}
        if set(arrays) != names:
            raise ModelFileInvalid(f"the arrays should be {', '.join(sorted(names))}")
        estimator, numbers = cls(parameters), NumberMap.from_arrays(arrays)
        estimator._learned = numbers, Trees.from_arrays(arrays, numbers.width)
        return estimator

    def _trained(self) -> tuple[NumberMap, Trees]:
        if self._learned is None:
            raise WorkFailed("the model has not been trained")
        return self._learned

    def _settings(self, seed: int) -> dict[str, Any]:
        """LightGBM's parameters (https://lightgbm.readthedocs.io/en/stable/Parameters.html)."""
        parameters = self._parameters
        return {
            "objective": "binary" if self._loss.binary else "regression",
            "num_leaves": parameters.leaves,
            "learning_rate": parameters.learning_rate,
            "min_data_in_leaf": parameters.minimum_leaf_rows,
            "bagging_fraction": parameters.row_share,
            "bagging_freq": int(parameters.row_share < 1),
            "feature_fraction": parameters.field_share,
            "lambda_l2": parameters.l2,
            "max_bin": parameters.bins,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "use_missing": False,
            "num_threads": len(os.sched_getaffinity(0)),
            "verbosity": -1,
        }


def _rows_of(dealt: Dealt, data: Shards, settings: dict[str, Any], random: np.random.Generator) -> Rows:
    """All training rows at LightGBM: a sample first, for the bins, then shard by shard."""
    total, samples = count_rows(data), []
    for at, size in enumerate(data.sizes):
        wanted = min(size, -(-SAMPLE_ROWS * size // total))
        samples.append(dealt.fill(at, np.sort(random.permutation(size)[:wanted])))
    rows = Rows(np.concatenate(samples), total, settings)
    for at in range(len(data.sizes)):
        for numbers in dealt.pieces(at):
            rows.push(numbers)
    rows.label(data.labels)
    return rows


def _held_rows(numbers: NumberMap, held: Shards, training: Rows) -> Rows:
    rows = Rows.like(training, count_rows(held))
    for at in range(len(held.sizes)):
        batch = held.load(at)
        for piece in pieces_of(len(batch)):
            rows.push(numbers.numbers(batch.indices[piece], batch.values[piece]))
    rows.label(held.labels)
    return rows


@dataclass(slots=True)
class _Growth:
    """Tree after tree, scored as they come."""

    booster: Booster
    labels: Floats
    held: Shards | None
    parameters: GbdtParameters
    grown: int = 0
    best: int = 0
    """Trees with the least held-out loss; 0 where all are kept."""
    _least: float = math.inf

    def grow(self) -> Iterator[TrainingProgress]:
        """Until there are enough, or no split is worth it, or patience ends."""
        wanted = self.parameters.trees
        every = max(1, wanted // REPORTS)
        while self.grown < wanted and self.booster.grow():
            self.grown += 1
            goes_on = self._goes_on()
            if self.grown % every == 0 or self.grown in (1, wanted) or not goes_on:
                yield self._report()
            if not goes_on:
                return
        if not self.grown:  # LightGBM keeps one leaf then: the mean
            self.grown = 1
            yield self._report()

    def _goes_on(self) -> bool:
        if not self.parameters.patience or self.held is None:
            return True
        loss = self._loss(self.held.labels, self.booster.predictions(held=True))
        if loss < self._least:
            self._least, self.best = loss, self.grown
        return self.grown - self.best < self.parameters.patience

    def _loss(self, labels: Floats, predictions: Floats) -> float:
        binary = self.parameters.loss == "logistic"
        return metrics.logloss(labels, predictions) if binary else metrics.rmse(labels, predictions)

    def _report(self) -> TrainingProgress:
        binary = self.parameters.loss == "logistic"
        train = self._loss(self.labels, self.booster.predictions(held=False))
        held, auc = None, None
        if self.held is not None:
            predictions = self.booster.predictions(held=True)
            held = self._loss(self.held.labels, predictions)
            auc = metrics.auc(self.held.labels, predictions) if binary else None
        return TrainingProgress(
            epoch=self.grown,
            epochs=self.parameters.trees,
            step=self.grown,
            steps=self.parameters.trees,
            train_logloss=train if binary else None,
            holdout_logloss=held if binary else None,
            holdout_auc=auc,
            train_rmse=None if binary else train,
            holdout_rmse=None if binary else held,
        )
