import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import limits
from confide.core.features import Feature, Kind, Missing, Transform
from confide.data.carrying import carried
from confide.data.encoding import FeatureEncoder
from confide.data.numbers import BucketField, NumericField
from confide.data.vocabulary import Vocabulary

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def number(**settings):
    return Feature(name="x", kind=Kind.NUMERIC, **settings)


def fitted(feature, numbers):
    columns = {("b", "x"): np.asarray(numbers, np.float64)}
    return FeatureEncoder.fit([("b", feature)], columns, slice(None), Vocabulary())


def encoded(encoder, *numbers):
    found = encoder.encode({("b", "x"): np.array(numbers, np.float64)})
    return found.indices.ravel().tolist(), found.values.ravel().tolist()


def test_power_keeps_the_sign():
    field = NumericField.fit(number(transform=Transform.POWER, exponent=0.5), np.empty(0))
    assert field.values(np.array([4.0, -9.0, 0.0, np.nan])).tolist() == [2.0, -3.0, 0.0, 0.0]


@given(FINITE, st.floats(1e-3, limits.MAX_EXPONENT))
def test_power_is_always_finite(value, exponent):
    field = NumericField(transform=Transform.POWER, exponent=exponent)
    assert abs(field.values(np.array([value]))[0]) <= limits.MAX_ENCODED_MAGNITUDE


def test_quantiles_hold_as_many_rows_each():
    numbers = np.random.default_rng(0).permutation(1000).astype(np.float64)
    encoder = fitted(number(transform=Transform.QUANTILES, quantiles=4), numbers)
    assert np.bincount(encoded(encoder, *numbers)[0]).tolist() == [250] * 4


def test_of_few_rows_there_are_few_quantiles():
    """A boundary is a value of a training row: each interval hides it among MIN_QUANTILE_ROWS."""
    rows = 5 * limits.MIN_QUANTILE_ROWS
    field = BucketField.fit(
        number(transform=Transform.QUANTILES, quantiles=100), np.arange(rows, dtype=float)
    )
    assert len(field.boundaries) == 4
    few = BucketField.fit(number(transform=Transform.QUANTILES, quantiles=2), np.array([41.5, 42.5]))
    assert few.boundaries == (0.0,), "none of the two rows' values"


@pytest.mark.parametrize("numbers", [[], [np.nan] * 50, [7.0] * 500, [1.0] * 499 + [2.0]])
def test_quantiles_of_columns_that_hardly_differ(numbers):
    encoder = fitted(number(transform=Transform.QUANTILES, quantiles=10), numbers)
    assert encoder.feature_count >= 2
    indices, values = encoded(encoder, 7.0, np.nan)
    assert values == [1.0, 0.0]
    assert indices[1] == 0


@given(st.lists(FINITE | st.just(np.nan), max_size=300), st.integers(2, 50))
@settings(max_examples=100, deadline=None)
def test_quantile_boundaries_always_ascend(numbers, quantiles):
    field = BucketField.fit(
        number(transform=Transform.QUANTILES, quantiles=quantiles), np.array(numbers, float)
    )
    at, missing = field.lookup(np.array(numbers, float))
    assert len(field.boundaries) < quantiles
    assert ((at >= 0) & (at < field.size)).all()
    assert missing.tolist() == np.isnan(np.array(numbers, float)).tolist()


@pytest.mark.parametrize(
    ("settings", "size", "expected"),
    [
        ({}, 2, ([0, 1], [3.0, 1.0])),
        ({"transform": Transform.BUCKETS, "boundaries": (1.0, 2.0)}, 4, ([2, 3], [1.0, 1.0])),
        ({"transform": Transform.BUCKETS, "boundaries": tuple(range(40))}, 42, ([4, 41], [1.0, 1.0])),
    ],
)
def test_missing_as_a_category_has_an_index_of_its_own(settings, size, expected):
    encoder = fitted(number(missing=Missing.CATEGORY, **settings), [3.0, np.nan])
    assert encoder.feature_count == size
    assert encoded(encoder, 3.0, np.nan) == expected
    assert FeatureEncoder.from_document(encoder.to_document()).to_document() == encoder.to_document()


def test_a_warm_start_carries_what_missing_has_learned():
    older = fitted(number(missing=Missing.CATEGORY), [1.0])
    assert carried(older, older).tolist() == [0, 1]
    assert carried(fitted(number(), [1.0]), older).tolist() == [0, -1]
    assert carried(older, fitted(number(), [1.0])).tolist() == [0]
    powers = [fitted(number(transform=Transform.POWER, exponent=power), [1.0]) for power in (0.5, 2.0)]
    assert carried(*powers).tolist() == [-1]


@pytest.mark.parametrize(
    "settings",
    [
        {"transform": Transform.POWER},
        {"transform": Transform.QUANTILES},
        {"quantiles": 4},
        {"exponent": 2.0},
        {"transform": Transform.BUCKETS, "boundaries": (1.0,), "quantiles": 4},
    ],
)
def test_settings_belong_to_their_transform(settings):
    with pytest.raises(ValueError, match="belongs to the transform"):
        number(**settings)


def test_a_categorical_column_takes_no_missing():
    with pytest.raises(ValueError, match="missing"):
        Feature(name="x", kind=Kind.CATEGORICAL, missing=Missing.CATEGORY)
