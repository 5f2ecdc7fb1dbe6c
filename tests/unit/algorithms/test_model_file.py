import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from confide.algorithms.model_file import AlgorithmOfModel, ModelFile, read, write
from confide.core import limits
from confide.core.errors import ModelFileInvalid


def model(**changes):
    standard = ModelFile(
        algorithm=AlgorithmOfModel(
            name="linear", version="1", parameters={"epochs": 2, "learning_rate": 0.5}
        ),
        encoding={"fields": [{"party": "a", "name": "Stadt"}]},
        task="klicks-2026",
        train_block='{"block":"…"}',
        metrics={"holdout_auc": 0.75, "rows": 3},
        arrays={
            "linear": np.arange(6, dtype=np.float32),
            "bias": np.array([0.5]),
            "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
        },
    )
    return replace(standard, **changes)


DATA = write(model())


def header_of(data):
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_header(header, body, *, pad=b" ", dumps=json.dumps):
    text = dumps(header).encode()
    text += pad * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body


def padded_with(filler):
    """A model file whose header needs padding, padded with `filler`."""
    data = next(data for data in (write(model(task="t" * n)) for n in range(1, 9)) if data_pads(data))
    assert with_header(*header_of(data), dumps=compact) == data
    return with_header(*header_of(data), dumps=compact, pad=filler)


def data_pads(data):
    return data[7 + int.from_bytes(data[:8], "little")] == ord(" ")


def compact(header):
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False)


def test_round_trip():
    original, again = model(), read(DATA)
    assert replace(again, arrays={}) == replace(original, arrays={})
    assert list(again.arrays) == sorted(original.arrays)
    for name, array in original.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)
        assert again.arrays[name].dtype == array.dtype
    assert write(again) == DATA


def test_the_bytes_are_the_same_whatever_the_order_of_keys():
    arrays = model().arrays
    turned = model(
        arrays=dict(reversed(arrays.items())),
        metrics={"rows": 3, "holdout_auc": 0.75},
    )
    assert write(turned) == DATA
    assert write(model(arrays=arrays | {"matrix": np.asfortranarray(arrays["matrix"])})) == DATA


def test_any_safetensors_reader_opens_it():
    arrays = safetensors.numpy.load(DATA)
    np.testing.assert_array_equal(arrays["matrix"], model().arrays["matrix"])


def test_no_arrays_is_a_model_file():
    assert read(write(model(arrays={}))).arrays == {}


def test_the_rewritten_header_is_the_same_file():
    assert with_header(*header_of(DATA), dumps=compact) == DATA


@pytest.mark.parametrize(
    "bad",
    [
        {"arrays": {"ids": np.arange(3)}},
        {"arrays": {"half": np.zeros(3, np.float16)}},
        {"metrics": {"auc": float("nan")}},
        {"encoding": {"code": 2**60}},
        {"task": "x" * limits.MAX_MODEL_HEADER_BYTES},
        {"arrays": {f"a{n}": np.zeros(1) for n in range(limits.MAX_MODEL_ARRAYS + 1)}},
        {"arrays": {"__metadata__": np.zeros(1)}},
    ],
)
def test_what_the_format_cannot_hold_is_not_written(bad):
    with pytest.raises(ValueError, match=r"."):
        write(model(**bad))


def metadata_change(**changes):
    def change(header):
        header["__metadata__"].update(changes)

    return change


@pytest.mark.parametrize(
    "change",
    [
        metadata_change(format="confide-model/2"),
        metadata_change(more="x"),
        metadata_change(metrics='{"b":1,"a":2}'),
        metadata_change(metrics="[]"),
        metadata_change(metrics="{" * 5000),
        metadata_change(encoding="null"),
        metadata_change(algorithm='{"name":"linear","parameters":{},"version":"1","x":1}'),
        lambda header: header["__metadata__"].pop("task"),
        lambda header: header.pop("__metadata__"),
        lambda header: header["linear"].update(dtype="I32"),
        lambda header: header["linear"].update(dtype="F64"),
        lambda header: header["linear"].update(shape=[7]),
        lambda header: header["linear"].update(shape=[3, 2, 2**62, 2**62]),
        lambda header: header["linear"].update(data_offsets=[0, 24]),
        lambda header: header["linear"].update(more=1),
        lambda header: header.update(another={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}),
    ],
)
def test_an_altered_header_is_refused(change):
    header, body = header_of(DATA)
    change(header)
    with pytest.raises(ModelFileInvalid):
        read(with_header(header, body, dumps=compact))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 8,
        b"\xff" * 64,
        (2**62).to_bytes(8, "little") + b"{}",
        DATA[:-1],
        DATA + b"\x00",
        DATA[:40],
        with_header(*header_of(DATA), dumps=json.dumps),
        padded_with(b"\t"),
        with_header({}, b""),
        with_header([], b""),
        b"\x80\x04\x95pickle",
    ],
)
def test_other_bytes_are_refused(data):
    with pytest.raises(ModelFileInvalid):
        read(data)


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_changes_only_contents(at, mask):
    """The digest over the file's bytes catches the rest: nothing here is hidden from it."""
    flipped = bytearray(DATA)
    flipped[at] ^= mask
    try:
        assert write(read(bytes(flipped))) == bytes(flipped)
    except ModelFileInvalid:
        return


@given(st.binary(max_size=200))
def test_random_bytes_raise_one_error(data):
    with pytest.raises(ModelFileInvalid):
        read(data)


@given(
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=8)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=12,
    )
)
def test_random_headers_raise_one_error(header):
    with pytest.raises(ModelFileInvalid):
        read(with_header(header, b"", dumps=compact))
