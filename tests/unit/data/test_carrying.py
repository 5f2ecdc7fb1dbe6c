import numpy as np
import pytest

from confide.core.features import Cross, Feature, Kind, Transform
from confide.data.carrying import NEW, carried
from confide.data.encoding import FeatureEncoder
from confide.data.vocabulary import Scheme, Vocabulary

SITE = ("a", Feature(name="site", kind=Kind.CATEGORICAL))
PAGE = ("b", Feature(name="page", kind=Kind.CATEGORICAL))
ALL = slice(None)


def price(transform=Transform.STANDARD, **changes):
    return ("b", Feature(name="price", kind=Kind.NUMERIC, transform=transform, **changes))


def fitted(fields, vocabulary=None, **columns):
    owned = {
        (party, feature.name): np.asarray(
            columns[feature.name], np.uint64 if feature.kind is Kind.CATEGORICAL else np.float64
        )
        for party, feature in fields
    }
    return FeatureEncoder.fit(fields, owned, ALL, vocabulary or Vocabulary())


def hashed(bits):
    return Vocabulary(scheme=Scheme.HASHED, bits=bits)


def test_categories_that_were_known_keep_their_place_wherever_it_is_now():
    older = fitted([SITE, PAGE], site=[5, 7, 9], page=[1, 2])
    newer = fitted([PAGE, SITE], site=[4, 7, 9, 11], page=[2, 3])
    # older: site 0 (unknown), 5, 7, 9 at 1…3; page 4 (unknown), 1, 2 at 5, 6.
    assert carried(older, newer).tolist() == [-1, 6, -1, -1, -1, 2, 3, -1]


def test_the_index_of_rare_categories_is_known_if_it_stood_for_something():
    rare = fitted([SITE], Vocabulary(minimum_count=2), site=[5, 5, 6])
    assert carried(rare, fitted([SITE], site=[5, 6])).tolist() == [0, 1, -1]


def test_the_same_encoding_is_known_in_whole():
    fields = [SITE, price(), PAGE]
    columns = {"site": [5, 5, 6], "price": [1.0, 2.0, np.nan], "page": [0, 1, 2]}
    for vocabulary in (Vocabulary(minimum_count=2), hashed(4)):
        encoder = fitted(fields, vocabulary, **columns)
        expected = np.arange(encoder.feature_count)
        if vocabulary.scheme is Scheme.EXACT:
            expected[[0, 3]] = [0, 3]
        assert carried(encoder, encoder).tolist() == expected.tolist()


@pytest.mark.parametrize("vocabulary", [hashed(5), hashed(8), Vocabulary()])
def test_a_category_is_carried_to_where_it_is_now_encoded(vocabulary):
    codes = np.random.default_rng(1).integers(1, 2**63, 200, np.uint64)
    older, newer = fitted([SITE], hashed(5), site=codes), fitted([SITE], vocabulary, site=codes)
    places = carried(older, newer)
    columns = {("a", "site"): np.append(codes, np.uint64(0)) if vocabulary.scheme is Scheme.HASHED else codes}
    before, now = older.encode(columns).indices[:, 0], newer.encode(columns).indices[:, 0]
    assert (places[now] == before).all()


@pytest.mark.parametrize(
    ("before", "after"), [(hashed(6), hashed(5)), (Vocabulary(), hashed(5))], ids=["fewer bits", "from exact"]
)
def test_a_bucket_of_several_categories_starts_anew(before, after):
    older, newer = (fitted([SITE], vocabulary, site=[5, 7]) for vocabulary in (before, after))
    assert set(carried(older, newer)) == {-1}


def test_a_cross_is_carried_if_it_is_of_the_same_columns():
    fields = [("media", Feature(name=name, kind=Kind.CATEGORICAL)) for name in ("page", "zone", "site")]
    columns = {(party, feature.name): np.array([1, 2, 3], np.uint64) for party, feature in fields}

    def encoder(*of):
        cross = Cross(name="both", of=tuple(("media", name) for name in of))
        return FeatureEncoder.fit(fields, columns, ALL, Vocabulary(), (cross,))

    older = encoder("page", "zone")
    assert (carried(older, encoder("page", "zone"))[-3:] >= 0).all()
    assert (carried(older, encoder("page", "site"))[-3:] == NEW).all()


def test_columns_of_another_party_kind_transform_or_boundaries_start_anew():
    older = fitted([SITE, price()], site=[5], price=[1.0, 2.0])
    for fields, columns in (
        ([("c", SITE[1])], {"site": [5]}),
        ([("a", Feature(name="site", kind=Kind.NUMERIC))], {"site": [5.0]}),
        ([price(Transform.LOG1P)], {"price": [1.0]}),
    ):
        assert set(carried(older, fitted(fields, **columns))) == {-1}
    assert carried(older, fitted([price()], price=[7.0, 9.0])).tolist() == [2]
    buckets = [price(Transform.BUCKETS, boundaries=boundaries) for boundaries in ((1.0, 2.0), (1.0, 3.0))]
    first, second = (fitted([field], price=[1.0]) for field in buckets)
    assert carried(first, first).tolist() == [0, 1, 2]
    assert carried(first, second).tolist() == [-1, -1, -1]
