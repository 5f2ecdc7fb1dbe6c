import math

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.errors import DatasetCorrupt
from confide.core.features import Kind
from confide.data import blocks
from confide.data.manifest import BlockEntry, Column, Manifest, SourceEntry
from confide.data.schema import IdColumn, IdType, LabelColumn, LabelType

DIGEST = "0a" * 48
ROWS = 3


def manifest(id_type=IdType.STRING, label=LabelType.BINARY):
    return Manifest(
        id=IdColumn("id", id_type),
        label=LabelColumn("click", label),
        columns=(Column("site", Kind.CATEGORICAL), Column("price", Kind.NUMERIC)),
        rows=ROWS,
        blocks=(BlockEntry(ROWS, 1, DIGEST),),
        source=SourceEntry(DIGEST, 1, ROWS),
        quarantined={},
    )


def batch(made=None, **changes):
    values = {
        "id": ["a", "b", "ü"],
        "click": [0.0, 1.0, 0.0],
        "site": [0, 5, 2**64 - 1],
        "price": [1.0, math.nan, -2.0],
    }
    return pa.RecordBatch.from_pydict(values | changes, schema=blocks.schema_of(made or manifest()))


def entry(data, rows=ROWS):
    return BlockEntry(rows, len(data), sha384_hex(data))


def decode(data, made=None, rows=ROWS):
    return blocks.decode_block(data, entry(data, rows), made or manifest())


@pytest.mark.parametrize("id_type", IdType)
def test_goes_round(id_type):
    made = manifest(id_type)
    original = batch(made, **({"id": [5, -7, 2**63 - 1]} if id_type is IdType.INTEGER else {}))
    data = blocks.encode_block(original)
    assert blocks.encode_block(decode(data, made)) == data
    assert pa.ipc.open_stream(data).read_all().num_rows == ROWS
    blocks.check_block(data, entry(data))


def test_block_must_match_its_entry():
    data = blocks.encode_block(batch())
    listed = entry(data)
    for changed in (data + b"\0", data[:-1], bytes([data[50] ^ 1]).join([data[:50], data[51:]])):
        with pytest.raises(DatasetCorrupt):
            blocks.check_block(changed, listed)
    with pytest.raises(DatasetCorrupt):
        blocks.decode_block(data[:-8], listed, manifest())
    with pytest.raises(DatasetCorrupt):
        decode(data, rows=ROWS + 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ["a", "", "c"]},
        {"id": ["a", "b", "x" * (limits.MAX_ID_BYTES + 1)]},
        {"click": [0.0, 0.5, 1.0]},
        {"click": [0.0, math.nan, 1.0]},
        {"price": [1.0, math.inf, 2.0]},
        {"price": [1.0, None, 2.0]},
        {"site": [None, 1, 2]},
    ],
)
def test_values_are_checked(changes):
    with pytest.raises(DatasetCorrupt):
        decode(blocks.encode_block(batch(**changes)))


@pytest.mark.parametrize("label", [math.nan, math.inf])
def test_real_labels_are_finite(label):
    made = manifest(label=LabelType.REAL)
    decode(blocks.encode_block(batch(made, click=[0.5, -3.0, 2.0])), made)
    with pytest.raises(DatasetCorrupt):
        decode(blocks.encode_block(batch(made, click=[0.5, label, 2.0])), made)


def test_schema_must_be_exact():
    wanted = blocks.schema_of(manifest())
    for at, name in enumerate(wanted.names):
        renamed = batch().rename_columns([*wanted.names[:at], name + "x", *wanted.names[at + 1 :]])
        with pytest.raises(DatasetCorrupt):
            decode(blocks.encode_block(renamed))
    other_type = batch().set_column(3, pa.field("price", pa.float32()), pa.array([1, 2, 3], pa.float32()))
    described = batch().replace_schema_metadata({"note": "hidden"})
    for changed in (other_type, described, batch().select(["click", "id", "site", "price"])):
        with pytest.raises(DatasetCorrupt):
            decode(blocks.encode_block(changed))


def test_one_batch_only():
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, blocks.schema_of(manifest())) as writer:
        writer.write_batch(batch())
        writer.write_batch(batch())
    with pytest.raises(DatasetCorrupt, match="than one"):
        decode(sink.getvalue().to_pybytes())
    with pytest.raises(DatasetCorrupt, match="than one"):
        decode(blocks.encode_block(batch()) + b"\0" * 8)


def test_expansion_is_bounded_before_it_happens(monkeypatch):
    # Highly compressible: small on the wire, large in memory.
    rows = 50_000
    data = blocks.encode_block(batch_of(rows))
    monkeypatch.setattr(limits, "MAX_BLOCK_BYTES", 1_000_000)
    assert len(data) < 150_000
    with pytest.raises(DatasetCorrupt, match="expands"):
        decode(data, rows=rows)


def batch_of(rows):
    same = {"id": ["a"] * rows, "click": [0.0] * rows, "site": [1] * rows, "price": [0.0] * rows}
    return pa.RecordBatch.from_pydict(same, schema=blocks.schema_of(manifest()))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_raise_one_error(data):
    with pytest.raises(DatasetCorrupt):
        blocks.decode_block(data, BlockEntry(ROWS, max(len(data), 1), DIGEST), manifest())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_blocks_raise_one_error(data):
    mutated = bytearray(blocks.encode_block(batch()))
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = decode(bytes(mutated))
    except DatasetCorrupt:
        return
    assert read.schema == blocks.schema_of(manifest())
    assert read.num_rows == ROWS


def test_every_truncation_raises_one_error():
    whole = blocks.encode_block(batch())
    for size in range(1, len(whole)):
        with pytest.raises(DatasetCorrupt):
            decode(whole[:size])


def test_assemble():
    made = msgspec.structs.replace(manifest())
    table = blocks.assemble([batch(), batch()], made)
    assert table.column("id").to_pylist() == ["a", "b", "ü"] * 2
