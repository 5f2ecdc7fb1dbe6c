import hashlib
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import limits
from confide.core.errors import LimitExceeded, ModelFileInvalid, SchemaMismatch
from confide.core.features import Feature, Kind, Transform
from confide.data.columns import JoinedColumns, take_column, take_columns
from confide.data.encoding import FeatureEncoder
from confide.data.numbers import BucketField
from confide.data.vocabulary import Scheme, Vocabulary

SITE = ("a", Feature(name="site", kind=Kind.CATEGORICAL))
AGE = ("b", Feature(name="age", kind=Kind.NUMERIC, transform=Transform.BUCKETS, boundaries=(18.0, 65.0)))
ALL = slice(None)


def number(transform, name="x"):
    return ("b", Feature(name=name, kind=Kind.NUMERIC, transform=transform))


def codes(*values):
    return np.array(values, np.uint64)


def columns(**values):
    owners = {"site": "a"}
    return {(owners.get(name, "b"), name): np.asarray(column) for name, column in values.items()}


def test_exact_vocabulary():
    encoder = FeatureEncoder.fit([SITE], columns(site=codes(9, 2, 9, 7)), np.array([0, 1, 2]), Vocabulary())
    encoded = encoder.encode(columns(site=codes(9, 2, 7, 0, 2**64 - 1)))
    assert encoder.feature_count == encoded.features == 3
    assert encoded.indices.ravel().tolist() == [2, 1, 0, 0, 0]
    # 7 was not among the training rows: it has no weight, rather than a random one.
    assert encoded.values.ravel().tolist() == [1, 1, 0, 0, 0]


def test_missing_is_a_category_when_training_had_it():
    encoder = FeatureEncoder.fit([SITE], columns(site=codes(0, 5)), ALL, Vocabulary())
    encoded = encoder.encode(columns(site=codes(0, 5, 6)))
    assert encoded.indices.ravel().tolist() == [1, 2, 0]
    assert encoded.values.ravel().tolist() == [1, 1, 0]


def test_rare_categories_share_one_learned_index():
    vocabulary = Vocabulary(minimum_count=2)
    encoder = FeatureEncoder.fit([SITE], columns(site=codes(5, 5, 6, 7)), ALL, vocabulary)
    encoded = encoder.encode(columns(site=codes(5, 6, 7, 8)))
    assert encoded.indices.ravel().tolist() == [1, 0, 0, 0]
    assert encoded.values.ravel().tolist() == [1, 1, 1, 1]


def test_all_rare():
    encoder = FeatureEncoder.fit([SITE], columns(site=codes(5, 6)), ALL, Vocabulary(minimum_count=2))
    encoded = encoder.encode(columns(site=codes(5, 6)))
    assert (encoder.feature_count, encoded.indices.ravel().tolist()) == (1, [0, 0])
    assert encoded.values.ravel().tolist() == [1, 1]


def test_hashed_vocabulary():
    vocabulary = Vocabulary(scheme=Scheme.HASHED, bits=4)
    other = ("b", Feature(name="site", kind=Kind.CATEGORICAL))
    drawn = np.random.default_rng(3).integers(1, 2**63, 1000).astype(np.uint64)
    both = {("a", "site"): drawn, ("b", "site"): drawn}
    encoder = FeatureEncoder.fit([SITE, other], both, np.array([0]), vocabulary)
    encoded = encoder.encode(both)
    assert encoder.feature_count == 34
    first, second = encoded.indices[:, 0], encoded.indices[:, 1] - 17
    assert set(first.tolist()) == set(second.tolist()) == set(range(1, 17))
    # Which categories collide differs from field to field.
    assert not np.array_equal(first, second)
    assert (encoded.values == 1).all()
    missing = encoder.encode({key: codes(0) for key in both})
    assert missing.indices.ravel().tolist() == [0, 17]


def test_hashed_known_answers():
    encoder = FeatureEncoder.fit(
        [SITE], columns(site=codes(1)), ALL, Vocabulary(scheme=Scheme.HASHED, bits=18)
    )
    probe = [1, 2, 2**64 - 1]
    found = encoder.encode(columns(site=codes(*probe))).indices.ravel().tolist()
    assert found == [bucket(code, "a", "site", 18) for code in probe] == [58709, 106477, 123992]


def bucket(code, party, name, bits):
    """The definition again, in plain integers."""
    seed = hashlib.sha384(f"confide/field\0{party}\0{name}".encode()).hexdigest()[:16]
    mixed = code ^ int(seed, 16)
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
    return ((mixed ^ (mixed >> 31)) >> (64 - bits)) + 1


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (Transform.IDENTITY, [1.0, -3.0, 0.0, limits.MAX_ENCODED_MAGNITUDE]),
        (Transform.LOG1P, [np.log(2), -np.log(4), 0.0, np.log1p(1e300)]),
    ],
)
def test_numbers(transform, expected):
    given_numbers = columns(x=[1.0, -3.0, np.nan, 1e300])
    encoder = FeatureEncoder.fit([number(transform)], given_numbers, ALL, Vocabulary())
    encoded = encoder.encode(given_numbers)
    assert encoder.feature_count == 1
    assert encoded.indices.ravel().tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(encoded.values.ravel(), expected, rtol=1e-6)


def test_standard_uses_training_rows_only():
    drawn = np.array([1.0, 3.0, np.nan, 1000.0])
    encoder = FeatureEncoder.fit(
        [number(Transform.STANDARD)], columns(x=drawn), np.array([0, 1, 2]), Vocabulary()
    )
    assert encoder.encode(columns(x=drawn)).values.ravel().tolist() == [-1, 1, 0, 998]


@pytest.mark.parametrize("values", [[5.0, 5.0], [np.nan, np.nan], [1e308, -1e308], [0.0, 5e-324]])
def test_standard_of_odd_columns_is_finite(values):
    encoder = FeatureEncoder.fit([number(Transform.STANDARD)], columns(x=values), ALL, Vocabulary())
    probe = columns(x=[*values, 1e308, -1e308, np.nan, 0.0])
    encoded = FeatureEncoder.from_document(encoder.to_document()).encode(probe)
    assert np.isfinite(encoded.values).all()


def test_buckets():
    encoder = FeatureEncoder.fit([SITE, AGE], columns(site=codes(1), age=[1.0]), ALL, Vocabulary())
    ages = [17.9, 18.0, 64.0, 65.0, np.nan]
    encoded = encoder.encode(columns(site=codes(*[1] * 5), age=ages))
    assert encoder.fields == [("a", "site"), ("b", "age")]
    assert (encoded.indices[:, 1] - 2).tolist() == [0, 1, 1, 2, 0]
    assert encoded.values[:, 1].tolist() == [1, 1, 1, 1, 0]


fields = [SITE, AGE, number(Transform.STANDARD, "x"), number(Transform.LOG1P, "y")]
numbers = st.one_of(st.floats(allow_infinity=False), st.just(np.nan))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 20), st.sampled_from(Scheme), st.integers(1, 3))
def test_output_is_always_usable(data, rows, scheme, minimum):
    def draw(values):
        return data.draw(st.lists(values, min_size=rows, max_size=rows))

    drawn = columns(
        site=codes(*draw(st.integers(0, 2**64 - 1) | st.integers(0, 3))),
        age=draw(numbers),
        x=draw(numbers),
        y=draw(numbers),
    )
    vocabulary = Vocabulary(scheme=scheme, bits=3, minimum_count=minimum)
    encoder = FeatureEncoder.fit(fields, drawn, np.arange((rows + 1) // 2), vocabulary)
    encoded = encoder.encode(drawn)
    assert (encoded.indices.dtype, encoded.values.dtype) == (np.int32, np.float32)
    assert encoded.indices.shape == encoded.values.shape == (rows, 4)
    assert encoded.indices.flags.c_contiguous
    assert encoded.values.flags.c_contiguous
    assert 0 <= encoded.indices.min() <= encoded.indices.max() < encoder.feature_count
    assert np.isfinite(encoded.values).all()
    again = FeatureEncoder.from_document(json.loads(json.dumps(encoder.to_document())))
    assert again.to_document() == encoder.to_document()
    np.testing.assert_array_equal(again.encode(drawn).indices, encoded.indices)
    np.testing.assert_array_equal(again.encode(drawn).values, encoded.values)
    np.testing.assert_array_equal(encoded.take(np.array([rows - 1])).indices, encoded.indices[-1:])


def document(**changes):
    fitted = FeatureEncoder.fit(
        fields[:3], columns(site=codes(1, 2), age=[1.0, 2.0], x=[1.0, 2.0]), ALL, Vocabulary()
    )
    made = fitted.to_document()
    for path, value in changes.items():
        target = made["fields"][0]["mapping"] if path in {"codes", "rare", "scheme"} else made
        target[path] = value
    return made


@pytest.mark.parametrize(
    "changes",
    [
        {"fields": []},
        {"category_hash": "md5"},
        {"extra": 1},
        {"codes": "AAA"},
        {"codes": "AgAAAAAAAAABAAAAAAAAAA=="},
        {"codes": "AQAAAAAAAAABAAAAAAAAAA=="},
        {"codes": "é"},
        {"codes": 5},
        {"rare": "yes"},
        {"scheme": "guess"},
        {
            "fields": [
                {"party": "a", "name": "x", "mapping": {"scheme": "hashed", "bits": 25, "seed": "0" * 16}}
            ]
        },
        {"fields": [{"party": "a", "name": "x", "mapping": {"scheme": "buckets", "boundaries": [2, 1]}}]},
        {"fields": [{"party": "a", "name": "x", "mapping": {"scheme": "buckets", "boundaries": []}}]},
        {"fields": [{"party": "a", "name": "x", "mapping": {"scheme": "numeric", "transform": "buckets"}}]},
        {
            "fields": [
                {
                    "party": "a",
                    "name": "x",
                    "mapping": {"scheme": "numeric", "transform": "standard", "mean": 0.0, "deviation": 0.0},
                }
            ]
        },
        {
            "fields": [
                {"party": "a", "name": str(at), "mapping": {"scheme": "hashed", "bits": 24, "seed": "0" * 16}}
                for at in range(128)
            ]
        },
        {"fields": [{"party": "a", "name": "x", "mapping": {"scheme": "buckets", "boundaries": [1]}}] * 2},
    ],
)
def test_bad_documents_raise_one_error(changes):
    FeatureEncoder.from_document(document())
    with pytest.raises(ModelFileInvalid):
        FeatureEncoder.from_document(document(**changes))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_document_raises_one_error(value):
    for attempt in (
        value,
        {"fields": value},
        document(fields=[{"party": "a", "name": "b", "mapping": value}]),
    ):
        with pytest.raises(ModelFileInvalid):
            FeatureEncoder.from_document(attempt)


def test_limits_of_the_exact_vocabulary(monkeypatch):
    monkeypatch.setattr(limits, "MAX_VOCABULARY_CODES", 3)
    with pytest.raises(LimitExceeded, match="hashed"):
        FeatureEncoder.fit([SITE], columns(site=codes(1, 2, 3, 4)), ALL, Vocabulary())


def test_mismatching_columns():
    encoder = FeatureEncoder.fit([SITE, AGE], columns(site=codes(1), age=[1.0]), ALL, Vocabulary())
    for bad in (
        columns(site=codes(1)),
        columns(site=[1.0], age=[1.0]),
        columns(site=codes(1), age=codes(1)),
        columns(site=codes(1, 2), age=[1.0]),
    ):
        with pytest.raises(SchemaMismatch):
            encoder.encode(bad)


def test_take_columns():
    tables = {
        "a": pa.table({"site": pa.chunked_array([codes(1, 2), codes(3)])}),
        "b": pa.table({"age": [1.0, 2.0, 3.0]}),
    }
    rows = {"a": np.array([2, 0]), "b": np.array([1, 1])}
    taken = take_columns(tables, rows, [SITE, AGE])
    assert taken["a", "site"].tolist() == [3, 1]
    assert taken["b", "age"].tolist() == [2.0, 2.0]
    assert take_column(tables["b"], "age", np.array([0])).tolist() == [1.0]
    absent = ("a", Feature(name="age", kind=Kind.NUMERIC))
    numeric = ("a", Feature(name="site", kind=Kind.NUMERIC))
    for field in (absent, numeric):
        with pytest.raises(SchemaMismatch) as caught:
            take_columns(tables, rows, [field])
        assert caught.value.blame == "a"
    with pytest.raises(SchemaMismatch):
        take_column(tables["a"], "age", rows["a"])


@pytest.mark.parametrize("scheme", Scheme)
def test_fitting_and_encoding_at_once_is_fitting_then_encoding(scheme):
    drawn = np.random.default_rng(5)
    rows, training = 20_000, 15_000
    given_columns = {("b", "age"): np.where(drawn.random(rows) < 0.1, np.nan, drawn.random(rows) * 90)}
    names = [f"c{at}" for at in range(6)]
    for name in names:
        spread = np.floor(np.exp(drawn.random(rows) * 9)).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        given_columns["a", name] = np.where(drawn.random(rows) < 0.05, np.uint64(0), spread)
    fields = [AGE, *(("a", Feature(name=name, kind=Kind.CATEGORICAL)) for name in names)]
    vocabulary = Vocabulary(scheme=scheme, bits=9, minimum_count=2)
    encoder, encoded = FeatureEncoder.fit_encode(fields, given_columns, training, vocabulary)
    again = FeatureEncoder.fit(fields, given_columns, slice(training), vocabulary)
    assert encoder.to_document() == again.to_document()
    twice = again.encode(given_columns)
    assert np.array_equal(encoded.indices, twice.indices)
    assert np.array_equal(encoded.values, twice.values)
    assert encoded.features == encoder.feature_count
    assert encoded.indices.max() < encoded.features


def test_joined_columns_are_taken_when_asked_for_and_not_kept():
    class Counting:
        schema = pa.schema([("site", pa.uint64())])
        reads = 0

        def column(self, _):
            self.reads += 1
            return pa.chunked_array([codes(7, 8)])

    source = Counting()
    joined = JoinedColumns({"a": source}, {"a": np.array([1, 1, 0])}, [SITE])
    assert (list(joined), len(joined), source.reads) == ([("a", "site")], 1, 0)
    assert joined["a", "site"].tolist() == joined["a", "site"].tolist() == [8, 8, 7]
    assert source.reads == 2
    with pytest.raises(KeyError):
        joined["b", "site"]


@pytest.mark.parametrize("count", [1, 32, 33])
def test_buckets_whether_counted_or_searched_for(count):
    boundaries = tuple(float(at) for at in range(count))
    numbers = np.array([np.nan, -np.inf, -0.5, 0.0, 0.5, count - 1.0, count - 0.5, np.inf])
    indices, missing = BucketField(boundaries=boundaries).lookup(numbers)
    expected = [0, *(sum(boundary <= number for boundary in boundaries) for number in numbers[1:])]
    assert indices.tolist() == expected
    assert indices.dtype == np.int32
    assert missing.tolist() == [True, *[False] * 7]
