import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import limits
from confide.core.errors import SchemaMismatch, UnreadableSource
from confide.data.readers import open_source
from confide.data.schema import Format, ReaderOptions


def read(source, columns):
    """({column: values}, row numbers, malformed row numbers)."""
    cells, numbers, malformed = {name: [] for name in columns}, [], []
    for chunk in source.chunks(columns):
        assert chunk.batch.schema.names == list(columns)
        for name in columns:
            cells[name] += chunk.batch.column(name).to_pylist()
        numbers += chunk.numbers.tolist()
        malformed += chunk.malformed.tolist()
    return cells, numbers, malformed


def write(tmp_path, content, name="source.csv"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_gives_cells_as_they_are(tmp_path):
    path = write(tmp_path, b'\xef\xbb\xbfb,a,c\r\n 1,"x, ""y""\nz",\r\n\xff,,2\r\n')
    source = open_source(path, ReaderOptions())
    assert source.names == ("b", "a", "c")
    cells, numbers, malformed = read(source, ["a", "b"])
    assert cells == {"a": [b'x, "y"\nz', None], "b": [b" 1", b"\xff"]}
    assert (numbers, malformed) == ([1, 2], [])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.tsv", b"a\tb\n1\t2,5\n"),
        ("s.txt", b"a|b\n1|2,5\n"),
        ("s.txt", b"a b\n1 2,5\n"),
        ("s.csv", b'a,b\n1,"2,5"\n'),
    ],
)
def test_finds_the_delimiter(tmp_path, name, content):
    source = open_source(write(tmp_path, content, name), ReaderOptions())
    assert read(source, ["a", "b"])[0] == {"a": [b"1"], "b": [b"2,5"]}


def test_compressed_text(tmp_path):
    source = open_source(write(tmp_path, gzip.compress(b"a|b\n1|2\n"), "s.txt.gz"), ReaderOptions())
    assert read(source, ["b"])[0] == {"b": [b"2"]}


@pytest.mark.parametrize(("names", "expected"), [((), ("f0", "f1")), (("p", "q"), ("p", "q"))])
def test_without_header(tmp_path, names, expected):
    source = open_source(write(tmp_path, b"1,2\n3,4,5\n6,7\n"), ReaderOptions(header=False, names=names))
    assert source.names == expected
    cells, numbers, malformed = read(source, expected)
    assert list(cells.values()) == [[b"1", b"6"], [b"2", b"7"]]
    assert (numbers, malformed) == ([1, 3], [2])


def test_unquoted_text_keeps_its_quotes(tmp_path):
    source = open_source(write(tmp_path, b'a\tb\n5" nail\t1\n', "s.tsv"), ReaderOptions(quoting=False))
    assert read(source, ["a"])[0] == {"a": [b'5" nail']}


def test_null_spellings(tmp_path):
    source = open_source(write(tmp_path, b"a,b\nNA,1\n,2\nN,3\n"), ReaderOptions(nulls=("NA",)))
    assert read(source, ["a"])[0] == {"a": [None, b"", b"N"]}


def test_unnamed_column_is_called_by_its_place(tmp_path):
    source = open_source(write(tmp_path, b",a\n7,x\n"), ReaderOptions())
    assert source.names == ("column_1", "a")
    assert read(source, ["a", "column_1"])[0] == {"a": [b"x"], "column_1": [b"7"]}


@settings(max_examples=30, deadline=None)
@given(
    widths=st.lists(st.sampled_from([1, 2, 2, 2, 3]), min_size=1, max_size=400),
    chunk=st.sampled_from([64, 500, 4096]),
)
def test_every_row_has_its_number(tmp_path_factory, widths, chunk):
    lines = [",".join([str(number), "x", "y"][:width]) for number, width in enumerate(widths, start=1)]
    path = tmp_path_factory.mktemp("rows") / "s.csv"
    path.write_text("a,b\n" + "\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "READ_CHUNK_BYTES", chunk)
        cells, numbers, malformed = read(open_source(path, ReaderOptions()), ["a"])
    assert [int(cell) for cell in cells["a"]] == numbers
    assert malformed == [number for number, width in enumerate(widths, start=1) if width != 2]
    assert sorted(numbers + malformed) == list(range(1, len(widths) + 1))


def test_parquet_keeps_types_and_order_of_request(tmp_path):
    pq.write_table(pa.table({"a": [1, 2], "b": ["x", None]}), tmp_path / "s.parquet", row_group_size=1)
    source = open_source(tmp_path / "s.parquet", ReaderOptions())
    cells, numbers, malformed = read(source, ["b", "a"])
    assert (cells, numbers, malformed) == ({"b": [b"x", None], "a": [1, 2]}, [1, 2], [])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.csv", b""),
        ("s.xlsx", b"PK"),
        ("s.parquet", b"PAR1 no"),
        ("s.csv", b'a,b\n1,"never closed\n' + b"x\n" * 3000),
    ],
)
def test_unreadable(tmp_path, name, content, monkeypatch):
    monkeypatch.setattr(limits, "READ_CHUNK_BYTES", 2048)
    with pytest.raises(UnreadableSource):
        read(open_source(write(tmp_path, content, name), ReaderOptions()), ["a"])


def test_missing_file(tmp_path):
    with pytest.raises(UnreadableSource):
        open_source(tmp_path / "absent.csv", ReaderOptions())


def test_absent_and_repeated_columns(tmp_path):
    source = open_source(write(tmp_path, b"a,b,b\n1,2,3\n"), ReaderOptions(format=Format.CSV))
    with pytest.raises(SchemaMismatch):
        list(source.chunks(["z"]))
    with pytest.raises(UnreadableSource):
        list(source.chunks(["b"]))
    assert read(source, ["a"])[0] == {"a": [b"1"]}
