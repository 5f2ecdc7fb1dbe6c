import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from confide.core import limits
from confide.core.errors import UnreadableSource
from confide.core.features import Kind
from confide.data.inspect import inspect
from confide.data.prepare import prepare
from confide.data.schema import IdColumn, IdType, LabelColumn, ReaderOptions


def look(tmp_path, text, options=None, name="s.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return inspect(path, options)


def rows(count, *cells):
    return "".join(",".join(str(cell(i)) for cell in cells) + "\n" for i in range(count))


def test_suggests_a_schema_that_prepares(tmp_path):
    text = "impression_id,click,site,price,hour,user_id\n" + rows(
        200,
        lambda i: i,
        lambda i: i % 2,
        lambda i: f"s{i % 7}",
        lambda i: i / 8,
        lambda i: i % 24,
        lambda i: i // 2,
    )
    inspection = look(tmp_path, text)
    assert (inspection.sampled_rows, inspection.whole) == (200, True)
    schema = inspection.schema
    assert schema.id == IdColumn("impression_id", IdType.INTEGER)
    assert schema.label == LabelColumn("click")
    assert schema.columns == {
        "site": Kind.CATEGORICAL,
        "price": Kind.NUMERIC,
        "hour": Kind.CATEGORICAL,
        "user_id": Kind.CATEGORICAL,
    }
    price = inspection.columns[3]
    assert (price.minimum, price.maximum, price.distinct, price.missing) == (0.0, 24.875, 200, 0)
    assert prepare(tmp_path / "s.csv", schema, tmp_path / "out").rows == 200


def test_finds_null_spellings_of_numbers_but_not_of_categories(tmp_path):
    text = "id,price,country\n" + rows(
        300, lambda i: i, lambda i: "NA" if i % 9 == 0 else i * 1.5, lambda _: "CH"
    )
    assert look(tmp_path, text).schema.reader.nulls == ("", "NA")
    text = "id,country\n" + rows(300, lambda i: i, lambda i: "NA" if i % 9 == 0 else "CH")
    assert look(tmp_path, text).schema.reader.nulls == ("",)


def test_a_few_bad_cells_do_not_make_a_category(tmp_path):
    text = "id,price\n" + rows(1000, lambda i: i, lambda i: "#REF!" if i % 200 == 0 else i * 1.5)
    price = look(tmp_path, text).columns[1]
    assert (price.kind, price.unreadable) == (Kind.NUMERIC, 5)


def test_leading_zeros_are_text(tmp_path):
    schema = look(tmp_path, "id,a\n" + rows(100, lambda i: f"{i:05d}", lambda i: i)).schema
    assert schema.id == IdColumn("id", IdType.STRING)


def test_sample_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "INSPECT_ROWS", 50)
    inspection = look(tmp_path, "id,a\n" + rows(200, lambda i: i, lambda i: i))
    assert (inspection.sampled_rows, inspection.whole) == (50, False)
    assert inspection.columns[0].maximum == 49.0


@pytest.mark.parametrize("text", ["a,b\n" + "x,y\n" * 50, "id\n1\n2\n"])
def test_without_suggestion(tmp_path, text):
    inspection = look(tmp_path, text)
    assert inspection.schema is None
    assert inspection.columns


def test_headerless(tmp_path):
    inspection = look(tmp_path, "1\t0.5\n2\t1.5\n", ReaderOptions(header=False), "s.tsv")
    assert inspection.schema.id.name == "f0"
    assert not inspection.schema.reader.header


def test_not_utf8(tmp_path):
    inspection = look(tmp_path, b"id,a\n1,\xff\n2,b\n3,c\n")
    assert inspection.columns[1].kind is Kind.CATEGORICAL


def test_no_rows(tmp_path):
    with pytest.raises(UnreadableSource):
        look(tmp_path, "a,b\n")


def test_parquet_types(tmp_path):
    day = dt.date(2020, 1, 1)
    table = {
        "id": ["a", "b", "c"],
        "day": [day] * 3,
        "flag": [True, None, False],
        "x": [1.5, None, 2.5],
        "n": [100, 2, 3],
        "nested": [[1], [2], [3]],
    }
    pq.write_table(pa.table(table), tmp_path / "s.parquet")
    inspection = inspect(tmp_path / "s.parquet")
    kinds = {column.name: column.kind for column in inspection.columns}
    assert kinds["x"] is Kind.NUMERIC
    assert kinds["day"] is Kind.CATEGORICAL
    assert inspection.schema.id.name == "id"
