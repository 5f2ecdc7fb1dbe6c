"""Parquet of other types, damaged, and without bound."""

import struct

import pyarrow as pa
import pyarrow.parquet as pq
from bad_input.samples import CITIES, GOOD, add_file, text


def table(**changes):
    """GOOD rows in Parquet's own types; a change of None leaves a column out."""
    columns = {
        "id": pa.array(range(1, GOOD + 1)),
        "click": pa.array([number % 2 for number in range(1, GOOD + 1)]),
        "city": pa.array([CITIES[number % 4] for number in range(1, GOOD + 1)]),
        "price": pa.array([number / 4 for number in range(1, GOOD + 1)]),
    } | changes
    return pa.table({name: column for name, column in columns.items() if column is not None})


def parquet_of(rows, **how):
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, **how)
    return sink.getvalue().to_pybytes()


def _parquet(name, what, rows, **more):
    data = rows if isinstance(rows, bytes) else parquet_of(rows)
    add_file(name, "Parquet", what, lambda path: path.write_bytes(data) and None, suffix=".parquet", **more)


def _column(values, kind):
    return pa.array((list(values) * GOOD)[:GOOD], kind)


WHOLE = parquet_of(table())
_NAMED = parquet_of(
    table(
        id=pa.array([f"row {number}" for number in range(1, GOOD + 1)]),
        city=pa.array([f"place {number}" for number in range(1, GOOD + 1)]),
    ),
    compression="none",
    use_dictionary=False,
    write_statistics=False,
)
_TEXT_NOT_UTF8 = _NAMED.replace(b"row 7", b"row \xff").replace(b"place 9", b"plac\xe9 9")
_parquet("parquet", "integers, doubles and text", WHOLE)
_parquet(
    "parquet-text-not-utf8", "text that is not UTF-8, as id and as category", _TEXT_NOT_UTF8, ids="string"
)
_parquet(
    "parquet-nulls",
    "nulls in every column",
    table(
        id=_column([*range(50, 50 + GOOD - 1), None], pa.int64()),
        click=_column([0, 1, None], pa.int8()),
        city=_column(["a", None], pa.string()),
        price=_column([None, 1.5], pa.float32()),
    ),
)
_parquet(
    "parquet-no-values", "columns that are null throughout", table(city=pa.nulls(GOOD), price=pa.nulls(GOOD))
)
_parquet(
    "parquet-infinite",
    "NaN (missing) and infinities",
    table(price=_column([1.0, float("nan"), float("inf"), float("-inf")], pa.float64())),
)
_parquet(
    "parquet-dictionary",
    "dictionaries of text and of numbers",
    table(
        city=_column(["a", "b", None], pa.string()).dictionary_encode(),
        price=_column([1, 2], pa.int32()).dictionary_encode(),
    ),
)
_parquet(
    "parquet-decimal",
    "decimals as numbers and as categories",
    table(
        price=_column(["1.50", "2.25"], pa.string()).cast(pa.decimal128(10, 2)),
        city=_column(["1.50", "2"], pa.string()).cast(pa.decimal128(10, 2)),
    ),
)
_parquet(
    "parquet-booleans",
    "booleans as label, category and number",
    table(
        click=_column([True, False], pa.bool_()),
        city=_column([True, None], pa.bool_()),
        price=_column([True], pa.bool_()),
    ),
)
_parquet(
    "parquet-bytes",
    "bytes that are not UTF-8 as categories",
    table(city=_column([b"a", b"\xff\xfe"], pa.binary())),
)
_parquet("parquet-large-text", "text with 64-bit offsets", table(city=_column(["a", "b"], pa.large_string())))
_parquet(
    "parquet-wide-ids",
    "unsigned ids beyond 63 bits",
    table(id=pa.array([*range(1, GOOD), (1 << 64) - 1], pa.uint64())),
)
_parquet(
    "parquet-dates",
    "dates and timestamps as categories",
    table(city=_column([1_700_000_000, None], pa.timestamp("s"))),
)
_parquet(
    "parquet-time-number",
    "a timestamp as a number",
    table(price=_column([1_700_000_000], pa.timestamp("us"))),
    usable=False,
)
_parquet(
    "parquet-nested",
    "lists as categories",
    table(city=_column([["a"], []], pa.list_(pa.string()))),
    usable=False,
)
_parquet(
    "parquet-structs",
    "structs as numbers",
    table(price=_column([{"x": 1.0}], pa.struct({"x": pa.float64()}))),
    usable=False,
)
_parquet(
    "parquet-float-ids",
    "floating-point ids",
    table(id=pa.array([float(i) for i in range(GOOD)])),
    usable=False,
)
_parquet(
    "parquet-text-number", "numbers written as text", table(price=_column(["1", "2.5", "x", ""], pa.string()))
)
_parquet(
    "parquet-twice",
    "a column name that occurs twice",
    pa.table(
        [table()["id"], table()["click"], table()["city"], table()["price"], table()["city"]],
        names=["id", "click", "city", "price", "city"],
    ),
    usable=False,
)
_parquet("parquet-no-rows", "no row", table().slice(0, 0), usable=False)
_parquet("parquet-cut", "a file that is cut off", WHOLE[: len(WHOLE) // 2], usable=False)
_parquet("parquet-page-damaged", "damaged pages", WHOLE[:40] + bytes(200) + WHOLE[240:], usable=False)
_parquet("parquet-footer-damaged", "a damaged footer", WHOLE[:-60] + bytes(40) + WHOLE[-20:], usable=False)
_parquet(
    "parquet-footer-long",
    "a footer that claims to be longer than the file",
    WHOLE[:-8] + struct.pack("<I", 1 << 30) + b"PAR1",
    usable=False,
)
_parquet("parquet-not", "text that is called .parquet", text(), usable=False)
add_file(
    "parquet-as-csv",
    "Parquet",
    "Parquet that is called .csv",
    lambda path: path.write_bytes(WHOLE) and None,
    usable=False,
)
_parquet(
    "parquet-bomb",
    "1 MiB of text in every row by one entry of a dictionary",
    table(city=pa.DictionaryArray.from_arrays(pa.array([0] * GOOD, pa.int32()), pa.array(["x" * (1 << 20)]))),
    usable=False,
)
