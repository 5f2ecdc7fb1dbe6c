import numpy as np
import pytest

from confide.core.errors import LimitExceeded, SchemaMismatch
from confide.core.features import Feature, Kind, Transform
from confide.data.encoding import FeatureEncoder
from confide.data.vocabulary import Scheme, Vocabulary

CATEGORICAL, NUMERIC = {"kind": Kind.CATEGORICAL}, {"kind": Kind.NUMERIC}
FIELDS = [
    ("a", Feature(name="site", **CATEGORICAL)),
    ("a", Feature(name="age", **NUMERIC, transform=Transform.BUCKETS, boundaries=(18.0, 65.0))),
    ("b", Feature(name="page", **CATEGORICAL)),
    ("b", Feature(name="price", **NUMERIC, transform=Transform.STANDARD)),
    ("b", Feature(name="count", **NUMERIC, transform=Transform.LOG1P)),
]
ROWS = 20_000
VOCABULARIES = [
    Vocabulary(),
    Vocabulary(minimum_count=40),
    Vocabulary(scheme=Scheme.HASHED, bits=6),
]


class Watched(dict):
    """Columns that know which of them were read."""

    def __init__(self, columns):
        super().__init__(columns)
        self.read = []

    def __getitem__(self, name):
        self.read.append(name[1])
        return super().__getitem__(name)


@pytest.fixture
def columns():
    random = np.random.default_rng(1)
    codes = random.zipf(1.5, (2, ROWS)).astype(np.uint64) % np.uint64(500)
    numbers = random.standard_normal((3, ROWS)) * 50
    numbers[:, ::7] = np.nan
    return Watched(
        {
            ("a", "site"): codes[0],
            ("a", "age"): numbers[0],
            ("b", "page"): codes[1],
            ("b", "price"): numbers[1],
            ("b", "count"): numbers[2],
        }
    )


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_parts_encode_as_the_whole_does(columns, vocabulary):
    encoder = FeatureEncoder.fit(FIELDS, columns, slice(ROWS // 2), vocabulary)
    again, whole = FeatureEncoder.fit_encode(FIELDS, columns, ROWS // 2, vocabulary)
    assert encoder.to_document() == again.to_document()
    assert encoder.parts == [("a", 0, 2), ("b", 2, 5)]
    for party, start, end in encoder.parts:
        part, rows = encoder.part(start, end), slice(5000, 17_000)
        some = {name: columns[party, name][rows] for name in part.names}
        indices, values = part.encode(some, 12_000)
        assert (indices == whole.indices[rows, start:end]).all()
        assert (values == whole.values[rows, start:end]).all()


def test_only_columns_that_teach_something_are_read(columns):
    list(FeatureEncoder.fitting(FIELDS, columns, slice(None), VOCABULARIES[0]))
    assert columns.read == ["site", "page", "price"]
    columns.read.clear()
    assert list(FeatureEncoder.fitting(FIELDS, columns, slice(None), VOCABULARIES[2])) == [1, 2, 3, 4, 5]
    assert columns.read == ["price"]


def test_too_many_categories_are_refused_before_the_next_column_is_read(columns, monkeypatch):
    monkeypatch.setattr("confide.core.limits.MAX_VOCABULARY_CODES", 10)
    with pytest.raises(LimitExceeded, match="MAX_VOCABULARY_CODES"):
        list(FeatureEncoder.fitting(FIELDS, columns, slice(None), VOCABULARIES[0]))
    assert columns.read == ["site"]


def test_a_column_of_another_kind(columns):
    part = FeatureEncoder.fit(FIELDS, columns, slice(None), VOCABULARIES[0]).part(0, 2)
    with pytest.raises(SchemaMismatch, match="a's column 'site' is of another kind"):
        part.encode({"site": np.ones(3), "age": np.ones(3)}, 3)


def test_more_fields_than_a_model_may_have(columns, monkeypatch):
    monkeypatch.setattr("confide.core.limits.MAX_FIELDS", 4)
    with pytest.raises(LimitExceeded, match="5 fields; at most 4"):
        FeatureEncoder.fit(FIELDS, columns, slice(None), VOCABULARIES[0])
