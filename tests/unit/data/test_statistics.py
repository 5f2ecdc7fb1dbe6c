"""Statistics against NumPy and Arrow on random data: within the step that is told, or nothing is told."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from confide.core.errors import ModelFileInvalid
from confide.core.features import Feature, Kind, Transform
from confide.data.encoding import FeatureEncoder
from confide.data.numbers import BucketField, NumericField
from confide.data.statistics import drift, figures
from confide.data.statistics.blurring import Blur, coarse, key_of
from confide.data.statistics.drift import Reference, stability_index
from confide.data.vocabulary import Scheme, Vocabulary, fit_field

M = 20
NUMBERS = NumericField(transform=Transform.IDENTITY)
seeds = st.integers(0, 2**32 - 1)
blurs = st.builds(lambda seed: Blur(key_of([b"salt"], str(seed)), M, "media", "dwell"), seeds)


def blur(seed=0, rows=M):
    return Blur(key_of([b"salt"], str(seed)), rows, "media", "dwell")


def draw(seed, size, missing=0.0):
    random = np.random.default_rng(seed)
    numbers = random.choice(
        [random.normal(size=size), random.lognormal(3, 2, size), random.integers(0, 5, size)]
    )
    return np.where(random.random(size) < missing, np.nan, numbers.astype(np.float64))


columns = st.builds(draw, seeds, st.integers(4 * M, 3_000), st.sampled_from([0.0, 0.1, 0.7]))


@settings(deadline=None, max_examples=50)
@given(columns, blurs)
def test_missing_share_is_arrows_within_a_step(values, blur):
    told = figures.missing(values, blur)
    share = pa.array(values, from_pandas=True).null_count / len(values)
    assert told["step"] == M / len(values)
    assert abs(told["value"] - share) < told["step"]


@settings(deadline=None, max_examples=50)
@given(columns, blurs)
def test_mean_is_that_of_the_clipped_numbers_within_a_step(values, blur):
    present, told = np.sort(values[~np.isnan(values)]), figures.mean(figures.ordered(values), blur)
    if told is None or len(present) < 4 * M:
        assert told is None and len(present) < 5 * M  # noqa: PT018 - one statement about both
        return
    exact = np.clip(present, present[M - 1], present[-M]).mean()
    assert abs(told["value"] - exact) <= told["step"] * (1 + 1e-9)
    assert told["step"] >= (present[-M] - present[M - 1]) * M / len(present) * (1 - 1e-9)


@settings(deadline=None, max_examples=50)
@given(columns, blurs)
def test_a_quantile_stands_for_the_numbers_around_it(values, blur):
    present = np.sort(values[~np.isnan(values)])
    for told in figures.quantiles(figures.ordered(values), blur):
        at, count = told["at"], len(present)
        beside = min(at, 1 - at) * count
        if told["value"] is None or beside < 2 * M:
            assert (told["value"], told["step"], beside < 3 * M) == (None, None, True)
            continue
        low, high = np.quantile(present, [max(0, at - M / count), min(1, at + M / count)])
        assert low - told["step"] <= told["value"] <= high + told["step"]
        around = np.abs(present - told["value"]) <= told["step"] * 1.5 + 1e-9 * abs(told["value"])
        assert around.sum() >= M, "no step is finer than the numbers around are apart"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 120), min_size=1, max_size=12), blurs)
def test_cardinality_counts_the_categories_that_enough_rows_have(counts, blur):
    codes = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    told = figures.cardinality(codes, blur)
    if len(codes) < 4 * M:
        assert told is None
        return
    frequent = {entry["values"]: entry["counts"] for entry in pc.value_counts(pa.array(codes)).to_pylist()}
    frequent.pop(0, None)
    assert sum(count >= 2 * M for count in frequent.values()) <= told
    assert told <= sum(count >= M for count in frequent.values())


@settings(deadline=None, max_examples=50)
@given(seeds, st.floats(-0.9, 0.9), blurs)
def test_correlation_with_numbers_is_pearsons_within_a_step(seed, strength, blur):
    random = np.random.default_rng(seed)
    values, other = random.uniform(-1, 1, (2, 4_000))
    labels = (strength * values + (1 - abs(strength)) * other > 0).astype(np.float32)
    told = figures.label_correlation(values, labels, blur)
    clipped = np.clip(values, *np.sort(values)[[M - 1, -M]])
    assert abs(told["value"] - np.corrcoef(clipped, labels)[0, 1]) <= told["step"] * (1 + 1e-9)
    assert 0 < told["step"] < 0.2


@settings(deadline=None, max_examples=50)
@given(seeds, blurs)
def test_correlation_with_categories_is_the_squared_correlation_ratio_within_a_step(seed, blur):
    random = np.random.default_rng(seed)
    codes = random.integers(1, 6, 4_000).astype(np.uint64)
    labels = (random.random(4_000) < codes / 8).astype(np.float32)
    between = sum(
        (codes == code).sum() * (labels[codes == code].mean() - labels.mean()) ** 2 for code in range(1, 6)
    )
    exact = between / (len(labels) * labels.var(dtype=np.float64))
    told = figures.label_correlation(codes, labels, blur)
    assert abs(told["value"] - exact) <= told["step"] * (1 + 1e-6)


def test_nothing_is_told_where_too_few_rows_are():
    few = np.arange(4 * M - 1, dtype=np.float64)
    assert figures.missing(few, blur()) is None
    assert figures.mean(few, blur()) is None
    assert figures.cardinality(few.astype(np.uint64), blur()) is None
    assert all(told["value"] is None for told in figures.quantiles(few, blur()))
    assert Reference.of(few, NUMBERS, blur()) is None
    rare = np.zeros(1_000, np.float32)
    rare[: 2 * M - 1] = 1
    assert figures.label_correlation(np.arange(1_000.0), rare, blur()) is None
    assert figures.label_correlation(np.ones(1_000), np.tile([0, 1], 500).astype(np.float32), blur()) is None


def test_of_three_rows_with_a_value_nothing_is_told():
    values = np.full(1_000, np.nan)
    values[:3] = 1.5, 2.5, 999.25
    told = [figures.mean(figures.ordered(values), blur()), figures.label_correlation(values, values, blur())]
    assert told == [None, None]
    assert {quantile["value"] for quantile in figures.quantiles(figures.ordered(values), blur())} == {None}


@settings(deadline=None, max_examples=50)
@given(st.floats(1e-300, 1e300))
def test_steps_are_round_numbers(width):
    step = coarse(width)
    assert width <= float(step) <= 2.6 * width
    assert step.as_tuple().digits in {(1,), (2,), (5,), (1, 0)}


@settings(deadline=None, max_examples=50)
@given(
    hnp.arrays(np.float64, st.integers(0, 150), elements=st.floats(allow_nan=True, allow_infinity=True)),
    blurs,
)
def test_no_column_whatever_breaks_a_figure(values, blur):
    labels = np.resize(np.array([0, 1], np.float32), len(values))
    present = figures.ordered(values)
    told = [figures.missing(values, blur), figures.mean(present, blur), *figures.quantiles(present, blur)]
    told.append(figures.label_correlation(values, labels, blur))
    for found in filter(None, told):
        assert all(number is None or math.isfinite(number) for number in found.values())
    reference = Reference.of(values, NUMBERS, blur)
    if reference is not None:
        assert math.isfinite(reference.compare(values, NUMBERS, blur)["index"])


@settings(deadline=None, max_examples=50)
@given(columns, columns, blurs)
def test_drift_of_numbers_is_that_of_the_exact_shares_but_for_the_steps(learned, predicted, blur):
    reference = Reference.of(learned, NUMBERS, blur)
    if reference is None:
        return
    told = reference.compare(predicted, NUMBERS, blur)
    for values, name in ((learned, "expected"), (predicted, "found")):
        present = values[~np.isnan(values)]
        counts, _ = np.histogram(present, [-np.inf, *reference.edges, np.inf])
        exact = np.array([len(values) - len(present), *counts]) / len(values)
        shares = [entry[name] for entry in told["bins"]]
        assert np.abs(shares - exact).max() <= M / len(values)
    assert len(reference.names) == len(reference.shares) == len(told["bins"])


@pytest.mark.parametrize("scheme", Scheme)
def test_drift_of_categories_counts_what_the_model_sees(scheme):
    random = np.random.default_rng(5)
    learned = random.choice(np.arange(1, 31, dtype=np.uint64), 5_000, p=np.arange(30, 0, -1) / 465)
    mapping = fit_field(Vocabulary(scheme=scheme, bits=10), "media", "page", learned)
    reference = Reference.of(learned, mapping, blur())
    assert len(reference.categories) == 16
    same = reference.compare(learned[::2], mapping, blur())
    unseen = reference.compare(np.full(5_000, 77, np.uint64), mapping, blur())
    assert same["index"] <= 4 * same["by_chance"] < 0.1
    assert unseen["index"] > 2
    assert unseen["bins"][0]["name"] == "others"


def test_the_index_is_that_of_the_textbook():
    expected, found = (0.25, 0.5, 0.25), (0.5, 0.3, 0.2)
    exact = sum((q - p) * math.log(q / p) for p, q in zip(expected, found, strict=True))
    assert stability_index(expected, found, floors=(0, 0)) == pytest.approx(exact)
    assert stability_index(expected, expected, floors=(0, 0)) == 0
    assert math.isfinite(stability_index((0.0, 1.0), (0.5, 0.5), floors=(0.01, 0.01)))


def test_a_reference_survives_the_model_file_and_a_wrong_one_is_refused():
    reference = Reference.of(draw(3, 500), NUMBERS, blur())
    document = drift.to_document([reference])
    assert drift.from_document(document) == {("media", "dwell"): reference}
    for name, wrong in (("edges", [2.0, 1.0]), ("shares", [0.5]), ("step", 0), ("categories", [1]), ("x", 1)):
        with pytest.raises(ModelFileInvalid, match="reference"):
            drift.from_document([document[0] | {name: wrong}])


def test_the_draws_follow_from_the_key_alone():
    assert blur(1).uniform("mean") == blur(1).uniform("mean") != blur(2).uniform("mean")
    assert len({blur(1).uniform(name) for name in ("mean", "missing", "quantile 0.5")}) == 3
    assert key_of([b"a", b"b"], "task") != key_of([b"b", b"a"], "task")
    assert "salt" not in repr(blur())


def test_a_field_that_is_a_category_of_intervals_drifts_by_its_numbers():
    feature = Feature(name="dwell", kind=Kind.NUMERIC, transform=Transform.QUANTILES, quantiles=4)
    numbers = draw(4, 800)
    columns_of = {("media", "dwell"): numbers}
    encoder = FeatureEncoder.fit([("media", feature)], columns_of, slice(0, 800), Vocabulary())
    mapping = encoder.mapping("media", "dwell")
    assert isinstance(mapping, BucketField)
    assert Reference.of(numbers, mapping, blur()) == Reference.of(numbers, NUMBERS, blur())
    with pytest.raises(KeyError):
        encoder.mapping("media", "zone")
