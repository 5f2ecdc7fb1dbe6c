import datetime as dt
import json
import math
import struct

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import limits
from confide.core.errors import ConfigurationError, LimitExceeded, SchemaMismatch, UnreadableSource
from confide.core.features import Kind
from confide.data.dataset import PreparedDataset
from confide.data.manifest import Reason
from confide.data.prepare import prepare
from confide.data.prepare.writer import block_rows
from confide.data.schema import IdColumn, IdType, LabelColumn, LabelType, Schema, loads

HEADER = b"id,click,site,price\n"


def code(text):
    return xxhash.xxh3_64_intdigest(text.encode())


def columns(dataset):
    return dataset.table().to_pydict()


def test_stored_values(prepared, schema):
    dataset = prepared(HEADER + "7,1,größe,1.5\n-3,0,,-2e3\n+9, 1 ,größe,\n".encode(), schema)
    table = columns(dataset)
    assert table["id"] == [7, -3, 9]
    assert table["click"] == [1.0, 0.0, 1.0]
    assert table["site"] == [code("größe"), 0, code("größe")]
    assert table["price"][:2] == [1.5, -2000.0]
    assert math.isnan(table["price"][2])
    assert dataset.manifest.quarantined == {}
    assert dataset.quarantine() == []


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        (b"1,1,x", Reason.WRONG_WIDTH, None),
        (b"1,1,x,2,3", Reason.WRONG_WIDTH, None),
        (b",1,x,2", Reason.EMPTY_ID, "id"),
        (b"1.0,1,x,2", Reason.ID_NOT_INTEGER, "id"),
        (b"0x10,1,x,2", Reason.ID_NOT_INTEGER, "id"),
        (b"9223372036854775808,1,x,2", Reason.ID_NOT_INTEGER, "id"),
        (b"9" * 60 + b",1,x,2", Reason.ID_NOT_INTEGER, "id"),
        (b" ,1,x,2", Reason.ID_NOT_INTEGER, "id"),
        (b"\xff,1,x,2", Reason.NOT_UTF8, "id"),
        (b"1,,x,2", Reason.LABEL_MISSING, "click"),
        (b"1,2,x,2", Reason.LABEL_INVALID, "click"),
        (b"1,yes,x,2", Reason.LABEL_INVALID, "click"),
        (b"1,nan,x,2", Reason.LABEL_INVALID, "click"),
        (b"1,1,\xe9,2", Reason.NOT_UTF8, "site"),
        (b"1,1," + b"x" * (limits.MAX_FIELD_BYTES + 1) + b",2", Reason.VALUE_TOO_LONG, "site"),
        (b"1,1,x,1_0", Reason.NOT_A_NUMBER, "price"),
        (b"1,1,x,0x10", Reason.NOT_A_NUMBER, "price"),
        (b'1,1,x,"1,5"', Reason.NOT_A_NUMBER, "price"),
        (b"1,1,x,nan", Reason.NOT_FINITE, "price"),
        (b"1,1,x,-Infinity", Reason.NOT_FINITE, "price"),
        (b"1,1,x,1e999", Reason.NOT_FINITE, "price"),
        (b"1,1,x,\xff", Reason.NOT_UTF8, "price"),
        (b"5,1,x,2", Reason.DUPLICATE_ID, "id"),
    ],
)
def test_quarantined(prepared, schema, line, reason, column):
    dataset = prepared(HEADER + b"5,0,y,1\n" + line + b"\n6,1,z,3\n", schema)
    assert columns(dataset)["id"] == [5, 6]
    assert dataset.manifest.quarantined == {reason: 1}
    assert [(row.row, row.reason, row.column) for row in dataset.quarantine()] == [(2, reason, column)]


def test_a_row_with_many_faults_counts_once(prepared, schema):
    dataset = prepared(HEADER + b"5,0,y,1\nx,7,\xff,z\n", schema)
    assert dataset.manifest.quarantined == {Reason.ID_NOT_INTEGER: 1}


def test_quarantine_never_holds_a_value(prepared, schema):
    dataset = prepared(HEADER + b"5,0,y,1\ncanary,1,x,2\n8,1,x,canary\n", schema)
    for file in dataset.path.iterdir():
        assert b"canary" not in file.read_bytes()


def test_first_usable_of_several_rows_is_kept(prepared, schema):
    dataset = prepared(HEADER + b"5,0,a,bad\n5,1,b,1\n5,0,c,2\n6,0,d,3\n", schema)
    assert columns(dataset)["id"] == [5, 6]
    assert columns(dataset)["site"][0] == code("b")
    assert dataset.manifest.quarantined == {Reason.NOT_A_NUMBER: 1, Reason.DUPLICATE_ID: 1}
    assert [row.row for row in dataset.quarantine()] == [1, 3]


def test_text_ids(prepared, text_schema):
    long = "x" * limits.MAX_ID_BYTES
    lines = f"é,1,a,1\n{long},0,b,2\n{long}x,1,c,3\n,1,d,4\né,0,e,5\n 01,0,f,6\n"
    dataset = prepared(HEADER + lines.encode(), text_schema)
    assert columns(dataset)["id"] == ["é", long, " 01"]
    assert dataset.manifest.quarantined == {
        Reason.ID_TOO_LONG: 1,
        Reason.EMPTY_ID: 1,
        Reason.DUPLICATE_ID: 1,
    }


def test_parquet_gives_the_same_blocks_as_text(prepared, schema):
    text = prepared(HEADER + b"7,1,12,1.5\n3,0,,\n9,1,5,-2\n", schema)
    typed = prepared(
        {"price": [1.5, None, -2.0], "site": [12, None, 5], "id": [7, 3, 9], "click": [True, False, True]},
        schema,
    )
    assert typed.manifest.blocks == text.manifest.blocks
    dictionary = pa.array(["12", None, "5"]).dictionary_encode()
    again = prepared(
        {
            "price": [1.5, math.nan, -2.0],
            "site": dictionary,
            "id": pa.array([7, 3, 9], pa.uint64()),
            "click": [1, 0, 1],
        },
        schema,
    )
    assert again.manifest.blocks == text.manifest.blocks


def test_typed_faults(prepared, schema):
    table = {
        "id": pa.array([1, None, 2**64 - 1, 4], pa.uint64()),
        "click": [1, 0, 1, 1],
        "site": ["a", "b", "c", "d"],
        "price": [1.0, 2.0, 3.0, math.inf],
    }
    dataset = prepared(table, schema)
    assert columns(dataset)["id"] == [1]
    expected = {Reason.EMPTY_ID: 1, Reason.ID_NOT_INTEGER: 1, Reason.NOT_FINITE: 1}
    assert dataset.manifest.quarantined == expected


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("id", [1.5, 2.5]),
        ("price", [dt.date(2020, 1, 1)] * 2),
        ("site", [[1], [2]]),
        ("price", [[1.0], [2.0]]),
    ],
)
def test_types_that_cannot_be_used(prepared, schema, column, values):
    table = {"id": [1, 2], "click": [0, 1], "site": ["a", "b"], "price": [1.0, 2.0]} | {column: values}
    with pytest.raises(SchemaMismatch, match=column):
        prepared(table, schema)


def test_all_nan_patterns_become_one(prepared, schema):
    (odd,) = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_1234))
    base = {"id": [1], "click": [0], "site": ["a"]}
    left, right = (prepared(base | {"price": pa.array(np.array([nan]))}, schema) for nan in (odd, math.nan))
    assert left.manifest.blocks == right.manifest.blocks


def test_real_labels(prepared):
    schema = Schema(
        id=IdColumn("id", IdType.INTEGER), label=LabelColumn("y", LabelType.REAL), columns={"x": Kind.NUMERIC}
    )
    dataset = prepared(b"id,y,x\n1,-2.5,1\n2,inf,1\n3,a,1\n", schema)
    assert columns(dataset)["y"] == [-2.5]
    assert dataset.manifest.quarantined == {Reason.LABEL_INVALID: 2}


def test_same_source_same_bytes(prepared, schema):
    lines = b"".join(b"%d,%d,s%d,%d\n" % (i * 7 % 500, i % 2, i % 9, i) for i in range(700))
    first, second = prepared(HEADER + lines, schema), prepared(HEADER + lines, schema)
    assert first.manifest_bytes == second.manifest_bytes
    assert first.manifest.quarantined == {Reason.DUPLICATE_ID: 200}
    names = sorted(path.name for path in first.path.iterdir())
    assert names == sorted(path.name for path in second.path.iterdir())
    for name in names:
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


@settings(max_examples=40, deadline=None)
@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from(["", "1", "2", "x", "+3", "0x4", "005", "-6", "é"]),
            st.sampled_from(["0", "1", "", "2", "nan"]),
            st.sampled_from(["", "a", "\xe9", "long" * 3]),
            st.sampled_from(["", " ", "1", "+.5", "1e3", "inf", "z", "1e999", " 2"]),
        ),
        max_size=60,
    ),
    chunk=st.sampled_from([48, 200, 100_000]),
    size=st.sampled_from([1, 3, 1000]),
)
def test_every_row_is_accounted_for_wherever_the_cuts_fall(tmp_path_factory, lines, chunk, size):
    # What a row is worth must not depend on which rows share its chunk, nor on the block size.
    folder = tmp_path_factory.mktemp("prepare")
    text = "id,click,site,price\n" + "".join(
        ",".join(line) + "\n" for line in [("77", "1", "a", "1"), *lines]
    )
    (folder / "s.csv").write_text(text)
    schema = loads(
        '[id]\nname="id"\ntype="integer"\n[label]\nname="click"\n[columns]\nsite="categorical"\nprice="numeric"'
    )
    whole = prepare(folder / "s.csv", schema, folder / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "READ_CHUNK_BYTES", chunk)
        patch.setattr(limits, "BLOCK_ROWS", size)
        cut = prepare(folder / "s.csv", schema, folder / "cut")
    assert cut.source.rows == len(lines) + 1 == cut.rows + cut.quarantined_rows
    assert all(block.rows == size for block in cut.blocks[:-1])
    assert (cut.quarantined, cut.rows) == (whole.quarantined, whole.rows)
    left, right = PreparedDataset.open(folder / "whole"), PreparedDataset.open(folder / "cut")
    assert left.table().combine_chunks().to_batches()[0].equals(
        right.table().combine_chunks().to_batches()[0]
    ) or (str(columns(left)) == str(columns(right)))
    assert left.quarantine() == right.quarantine()


def test_examples_are_bounded(prepared, schema, monkeypatch):
    monkeypatch.setattr(limits, "MAX_QUARANTINE_EXAMPLES", 3)
    dataset = prepared(HEADER + b"1,1,a,1\n" + b"1,1,a,1\nx,1,a,1\n" * 5, schema)
    assert dataset.manifest.quarantined_rows == 10
    assert [row.row for row in dataset.quarantine()] == [2, 3, 4]


def test_wide_tables_have_shorter_blocks():
    def fields(count, id_type):
        return pa.schema([("id", id_type), *((f"c{at}", pa.float64()) for at in range(count))])

    assert block_rows(fields(10, pa.string())) == limits.BLOCK_ROWS
    wide = block_rows(fields(limits.MAX_COLUMNS, pa.string()))
    assert 1 < wide * 8 * (limits.MAX_COLUMNS + 33) <= limits.MAX_BLOCK_BYTES


def test_no_usable_row(prepared, schema):
    with pytest.raises(SchemaMismatch, match="not a number"):
        prepared(HEADER + b"1,1,a,x\n2,0,b,y\n", schema)
    with pytest.raises(UnreadableSource, match="no rows"):
        prepared(HEADER, schema)


def test_absent_column(prepared, schema):
    with pytest.raises(SchemaMismatch, match="price"):
        prepared(b"id,click,site\n1,1,a\n", schema)


def test_limits(prepared, schema, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BLOCKS", 1)
    monkeypatch.setattr(limits, "BLOCK_ROWS", 1)
    with pytest.raises(LimitExceeded):
        prepared(HEADER + b"1,1,a,1\n2,1,a,1\n", schema)


def test_leaves_foreign_folders_alone_and_replaces_its_own(tmp_path, schema):
    source = tmp_path / "s.csv"
    source.write_bytes(HEADER + b"1,1,a,1\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("x")
    for name in ("mine", "file"):
        with pytest.raises(ConfigurationError):
            prepare(source, schema, tmp_path / name)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    (tmp_path / "empty").mkdir()
    prepare(source, schema, tmp_path / "empty")
    source.write_bytes(HEADER + b"2,1,a,1\n")
    prepare(source, schema, tmp_path / "empty")
    assert columns(PreparedDataset.open(tmp_path / "empty"))["id"] == [2]


def test_limit_of_rows(prepared, schema, monkeypatch):
    monkeypatch.setattr(limits, "MAX_DATASET_ROWS", 1)
    with pytest.raises(LimitExceeded):
        prepared(HEADER + b"1,1,a,1\n2,1,a,1\n", schema)


def test_place_that_cannot_be_written(tmp_path, schema):
    source = tmp_path / "s.csv"
    source.write_bytes(HEADER + b"1,1,a,1\n")
    with pytest.raises(ConfigurationError):
        prepare(source, schema, source / "below-a-file")


def test_nothing_half_made_is_left(tmp_path, schema):
    source = tmp_path / "s.csv"
    source.write_bytes(HEADER + b"1,1,a,bad\n")
    with pytest.raises(SchemaMismatch):
        prepare(source, schema, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]
    with pytest.raises(UnreadableSource):
        prepare(tmp_path / "absent.csv", schema, tmp_path / "out")


def test_progress(tmp_path, schema):
    source = tmp_path / "s.csv"
    source.write_bytes(HEADER + b"1,1,a,1\n2,1,a,1\n")
    seen = []
    prepare(source, schema, tmp_path / "out", lambda *step: seen.append(step))
    size = source.stat().st_size
    assert seen == [("digest", size, size), ("rows", 2, None)]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert manifest["source"]["bytes"] == size
