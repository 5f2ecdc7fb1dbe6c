"""What every registered algorithm promises: run on the registry, and on the example of the how-to.

A check takes the name under which the registry holds the algorithm, and raises AssertionError.
"""

import collections
import tracemalloc
from typing import Any

import msgspec
import numpy as np
import pytest

from confide.algorithms import metrics, model_file, registry
from confide.algorithms.base import Batch, Estimator, WarmStart, Whole
from confide.algorithms.model_file import AlgorithmOfModel, ModelFile
from confide.algorithms.scoring import Scorer
from confide.core.errors import (
    LimitExceeded,
    ModelFileInvalid,
    ModelNotUsable,
    ParameterInvalid,
    SchemaMismatch,
    WorkFailed,
)

CATEGORIES, NUMBERS = (6, 12, 400), 2
"""Sizes of the categorical fields, the last too large for plain counting; then numeric fields."""


def planted(rows: int, seed: int = 5, *, real: bool = False) -> Batch:
    """Labels that hang on each field a little, and on the first two fields together."""
    random = np.random.default_rng(seed)
    weights = np.random.default_rng(99)
    codes = np.column_stack([random.integers(0, size, rows) for size in CATEGORIES])
    numbers = random.standard_normal((rows, NUMBERS)).astype(np.float32)
    score = 0.8 * numbers[:, 0]
    for field, size in enumerate(CATEGORIES):
        score += 0.7 * weights.standard_normal(size)[codes[:, field]]
    score += weights.standard_normal((CATEGORIES[0], CATEGORIES[1]))[codes[:, 0], codes[:, 1]]
    starts = np.cumsum((0, *CATEGORIES[:-1]))
    places = np.arange(NUMBERS) + sum(CATEGORIES)
    indices = np.column_stack((codes + starts, np.tile(places, (rows, 1)))).astype(np.int32)
    values = np.column_stack((np.ones(codes.shape, np.float32), numbers))
    if real:
        labels = score + 0.1 * random.standard_normal(rows)
    else:
        labels = random.random(rows) < 1 / (1 + np.exp(-score))
    return Batch(indices, values, labels.astype(np.float32))


FEATURES = sum(CATEGORIES) + NUMBERS
TRAINING, HELD_OUT = planted(6_000), planted(3_000, seed=6)


def fitted(name: str, training: Batch = TRAINING, **parameters: Any) -> Estimator:
    estimator = registry.build(name, parameters)
    list(estimator.fit(training.indices, training.values, training.labels, feature_count=FEATURES))
    return estimator


def scores(estimator: Estimator, rows: Batch = HELD_OUT) -> np.ndarray:
    return estimator.predict(rows.indices, rows.values)


def parameters_of(name: str) -> dict[str, Any]:
    return registry.complete_parameters(name, {})


def learns_what_is_planted(name: str) -> None:
    """With its defaults, clearly better than the best constant, and told so while it trains."""
    estimator = registry.build(name, {})
    reports = list(
        estimator.fit(
            TRAINING.indices, TRAINING.values, TRAINING.labels, holdout=HELD_OUT, feature_count=FEATURES
        )
    )
    constant = np.full(len(HELD_OUT), TRAINING.labels.mean())
    told = metrics.logloss(HELD_OUT.labels, scores(estimator))
    assert told < metrics.logloss(HELD_OUT.labels, constant) - 0.05
    assert metrics.auc(HELD_OUT.labels, scores(estimator)) > 0.7
    last = reports[-1]
    assert last.step == last.steps
    assert last.holdout_logloss == pytest.approx(told, abs=1e-5)
    assert last.train_logloss is not None
    assert last.train_rmse is None


def learns_real_labels(name: str) -> None:
    """Where it takes the squared loss: better than the mean."""
    if "squared" not in str(registry.ALGORITHMS[name].Parameters.__annotations__.get("loss")):
        return
    training, held = planted(6_000, real=True), planted(3_000, 6, real=True)
    estimator = fitted(name, training, loss="squared")
    assert metrics.rmse(held.labels, scores(estimator, held)) < 0.9 * held.labels.std()


def repeats_itself(name: str) -> None:
    """The same seed, data and parameters give the same numbers, to the bit."""
    first, second = fitted(name), fitted(name)
    for key, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[key])
    np.testing.assert_array_equal(scores(first), scores(second))


def comes_back_from_a_file(name: str) -> None:
    """The model file restores an estimator that predicts the same, to the bit, with NumPy alone."""
    estimator = fitted(name)
    written = model_file.write(
        ModelFile(
            algorithm=AlgorithmOfModel(name=name, version=estimator.version, parameters=parameters_of(name)),
            encoding={},
            task="t",
            train_block="{}",
            metrics={},
            arrays=estimator.arrays(),
        )
    )
    scorer = Scorer(model_file.read(written))
    assert scorer.feature_count == estimator.feature_count == FEATURES
    np.testing.assert_array_equal(scorer.score(HELD_OUT.indices, HELD_OUT.values), scores(estimator))


def refuses_arrays_that_do_not_fit(name: str) -> None:
    """A file with an array too few, too many, cut, of another type, or not finite gives one error."""
    arrays = fitted(name).arrays()
    first = next(iter(arrays))
    bad = [{}, arrays | {"more": np.zeros(1, np.float32)}, {k: v for k, v in arrays.items() if k != first}]
    for key, array in arrays.items():
        other = np.float32 if array.dtype == np.float64 else np.float64
        broken = array.copy()
        broken.reshape(-1)[-1] = np.nan
        bad += [arrays | {key: array.astype(other)}, arrays | {key: broken}, arrays | {key: array[None]}]
    for given in bad:
        with pytest.raises(ModelFileInvalid):
            registry.restore(name, {}, given)


def names_the_bad_parameter(name: str) -> None:
    """Out of range, of another type, unknown: the error names the field."""
    properties = next(line for line in registry.listing() if line.name == name).parameters["properties"]
    for field, rule in properties.items():
        wrong = ["no such word", None, [1]]
        for bound, step in (("minimum", -1), ("maximum", 1), ("exclusiveMinimum", 0)):
            wrong += [rule[bound] + step] if bound in rule else []
        for value in wrong:
            with pytest.raises(ParameterInvalid, match=field):
                registry.build(name, {field: value})
    with pytest.raises(ParameterInvalid, match="no_such_field"):
        registry.build(name, {"no_such_field": 1})


def refuses_other_rows(name: str) -> None:
    """Untrained, empty, of other widths, outside of the features, with labels that are none."""
    rows, estimator = TRAINING.rows(slice(64)), fitted(name)
    with pytest.raises(WorkFailed):
        scores(registry.build(name, {}))
    with pytest.raises(SchemaMismatch):
        estimator.predict(rows.indices[:, :1], rows.values[:, :1])
    with pytest.raises(SchemaMismatch):
        estimator.predict(rows.indices + FEATURES, rows.values)
    none = TRAINING.rows(slice(0))
    for given, error in (
        (none, WorkFailed),
        (Batch(rows.indices, rows.values, rows.labels + 2), SchemaMismatch),
        (Batch(rows.indices, rows.values * np.float32(np.nan), rows.labels), SchemaMismatch),
    ):
        with pytest.raises(error):
            fitted(name, given)
    with pytest.raises(LimitExceeded):
        list(registry.build(name, {}).fit(rows.indices, rows.values, rows.labels, feature_count=1 << 40))


class Cut:
    """Implements Shards: the rows in several parts, each overwritten by the next load."""

    def __init__(self, rows: Batch, parts: int) -> None:
        self._rows = rows
        self._cuts = np.array_split(np.arange(len(rows)), parts)
        self.sizes = tuple(map(len, self._cuts))
        self.labels, self.fields = rows.labels, rows.indices.shape[1]
        self._room = (np.zeros_like(rows.indices), np.zeros_like(rows.values))

    def load(self, at: int) -> Batch:
        rows = self._rows.rows(self._cuts[at])
        indices, values = (room[: len(rows)] for room in self._room)
        indices[...], values[...] = rows.indices, rows.values
        return Batch(indices, values, rows.labels)


def learns_out_of_core(name: str) -> None:
    """In shards, of which one at a time is in memory, as well as from all rows at once."""
    estimator = registry.build(name, {})
    held = Cut(HELD_OUT, 2)
    list(estimator.fit_shards(Cut(TRAINING, 3), holdout=held, feature_count=FEATURES))
    cut = metrics.logloss(HELD_OUT.labels, scores(estimator))
    whole = metrics.logloss(HELD_OUT.labels, scores(fitted(name)))
    assert cut < whole + 0.02


def starts_from_a_model_where_it_says_so(name: str) -> None:
    """From a model it goes on with that model's numbers, or refuses to."""
    before = fitted(name)
    start = WarmStart(before.arrays(), np.arange(FEATURES))
    fresh = registry.build(name, {})
    going = fresh.fit_shards(Whole(TRAINING), feature_count=FEATURES, start=start)
    if not registry.ALGORITHMS[name].starts_from_model:
        with pytest.raises(ModelNotUsable, match="starts from nothing"):
            next(iter(going))
        return
    first = next(iter(going))
    cold = next(iter(registry.build(name, {}).fit_shards(Whole(TRAINING), feature_count=FEATURES)))
    assert first.train_logloss < cold.train_logloss


def tells_its_memory(name: str) -> None:
    """A whole number of bytes that does not shrink with more fields or rows."""
    estimator = registry.build(name, {})
    few, more = (
        estimator.working_bytes(5, rows=1_000, features=500),
        estimator.working_bytes(50, rows=100_000, features=5_000),
    )
    assert 0 < few <= more


def needs_no_more_memory_than_it_tells(name: str) -> None:
    """What NumPy allocates while it learns and scores; libraries' own memory is bench/forecasts.py's."""
    rows, held = planted(30_000), planted(10_000, seed=6)
    features = FEATURES + 100_000
    short = [one for one in ("epochs", "trees", "patience") if one in parameters_of(name)]
    estimator = registry.build(name, dict.fromkeys(short, 1))
    tracemalloc.start()
    try:
        learning = estimator.fit(rows.indices, rows.values, rows.labels, holdout=held, feature_count=features)
        collections.deque(learning, maxlen=0)
        scores(estimator, held)
        _, peak = tracemalloc.get_traced_memory()
        learned = sum(array.nbytes for array in estimator.arrays().values())
    finally:
        tracemalloc.stop()
    fields = rows.indices.shape[1]
    # Their order, and a byte of each number; AUC of those held out.
    beside = (len(rows) + len(held)) * (8 + fields) + len(held) * 56
    told = estimator.working_bytes(fields, rows=len(rows) + len(held), features=features)
    assert peak <= told + 3 * learned + beside


def has_parameters_for_json(name: str) -> None:
    """Complete parameters are plain JSON that gives itself again; the schema closes the list."""
    complete = parameters_of(name)
    assert msgspec.json.decode(msgspec.json.encode(complete)) == complete
    assert registry.complete_parameters(name, complete) == complete
    line = next(line for line in registry.listing() if line.name == name)
    assert line.title
    assert line.parameters["additionalProperties"] is False
    assert set(line.parameters["properties"]) == set(complete)


CONTRACT = (
    learns_what_is_planted,
    learns_real_labels,
    repeats_itself,
    comes_back_from_a_file,
    refuses_arrays_that_do_not_fit,
    names_the_bad_parameter,
    refuses_other_rows,
    learns_out_of_core,
    starts_from_a_model_where_it_says_so,
    tells_its_memory,
    needs_no_more_memory_than_it_tells,
    has_parameters_for_json,
)
