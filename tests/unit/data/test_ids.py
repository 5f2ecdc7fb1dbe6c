import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from confide.data.ids import id_set_digest

integers = st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, max_size=30)
texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, max_size=30)


def chunked(values, kind):
    half = len(values) // 2
    return pa.chunked_array([values[:half], values[half:]], kind)


@given(integers)
def test_integers(values):
    expected = b"integer\0" + b"".join((value + 2**63).to_bytes(8, "big") for value in sorted(values))
    assert id_set_digest(chunked(values, pa.int64())) == hashlib.sha384(expected).hexdigest()


@given(texts)
def test_texts(values):
    encoded = sorted(value.encode() for value in values)
    expected = b"string\0" + b"".join(len(value).to_bytes(4, "big") + value for value in encoded)
    assert id_set_digest(chunked(values, pa.string())) == hashlib.sha384(expected).hexdigest()


@given(st.lists(st.integers(0, 9)), st.randoms())
def test_order_does_not_matter_but_counts_do(values, random):
    shuffled = random.sample(values, len(values))
    digest = id_set_digest(chunked(values, pa.int64()))
    assert digest == id_set_digest(chunked(shuffled, pa.int64()))
    assert digest != id_set_digest(chunked([*values, 5], pa.int64()))


def test_types_differ():
    numbers = np.array([3372])
    assert id_set_digest(chunked(numbers, pa.int64())) != id_set_digest(chunked(["3372"], pa.string()))
