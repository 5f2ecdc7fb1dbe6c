import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core.errors import SchemaInvalid, SchemaMismatch
from confide.data.dataset import PreparedDataset
from confide.data.inspect import inspect
from confide.data.manifest import Reason
from confide.data.prepare.dates import parse_part
from confide.data.prepare.run import prepare
from confide.data.schema import DateColumn, DatePart, DateUnit, loads

EVERY = tuple(DatePart)
START = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - as the parser has it: without a zone
TIMES = st.datetimes(START.replace(year=2), START.replace(year=9999))


def parsed(column, part, **how):
    return parse_part(DateColumn(parts=(part,), **how), part)(pa.array(column))


def code(value):
    return xxhash.xxh3_64_intdigest(str(value).encode())


def expected(moment, part):
    if part is DatePart.SECONDS:
        return (moment - START).total_seconds()
    value = moment.isoweekday() if part is DatePart.WEEKDAY else getattr(moment, part.value)
    return code(value)


@given(st.lists(TIMES, min_size=1, max_size=5), st.sampled_from(EVERY))
@settings(max_examples=150, deadline=None)
def test_parts_are_those_of_the_standard_library(moments, part):
    whole = [moment.replace(microsecond=0) for moment in moments]
    found = parsed([moment.isoformat() for moment in whole], part)
    assert not found.faults
    assert found.values.to_pylist() == [expected(moment, part) for moment in whole]
    stamps = parsed(pa.array(whole, pa.timestamp("us")), part)
    assert stamps.values.to_pylist() == found.values.to_pylist()


@given(TIMES, st.integers(-23, 23), st.sampled_from([0, 30, 45]))
@settings(max_examples=60, deadline=None)
def test_an_offset_is_taken_to_utc(moment, hours, minutes):
    zone = dt.timezone(dt.timedelta(hours=hours, minutes=minutes if hours >= 0 else -minutes))
    here = moment.replace(microsecond=0, tzinfo=zone)
    found = parsed([here.isoformat()], DatePart.SECONDS).values.to_pylist()
    assert found == [expected(here.astimezone(dt.UTC).replace(tzinfo=None), DatePart.SECONDS)]


def test_what_is_no_date_is_at_fault_and_what_is_missing_is_missing():
    column = [
        "2024-02-29", "2023-02-29", "2024-13-01", "2024-00-10", "2024-01-00", "24-01-01", "2024-01-01T24:00",
        "2024-01-01T10:60", "2024-01-01 10:00:61", "soon", None, "  ", " 2024-01-01 ",
        "2024-01-01T10:00:00.5Z", "0000-01-01",
    ]  # fmt: skip
    found = parsed(column, DatePart.YEAR)
    ((reason, wrong),) = found.faults
    assert reason is Reason.NOT_A_DATE
    assert np.flatnonzero(wrong).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 14]
    values = found.values.to_pylist()
    assert [values[at] for at in (0, 10, 11, 12, 13)] == [code(2024), 0, 0, code(2024), code(2024)]
    assert np.isnan(parsed([None], DatePart.SECONDS).values[0].as_py())


def test_text_that_is_not_utf8_is_at_fault():
    found = parsed(pa.array([b"2024-01-01", b"\xff2024-01-01"], pa.binary()), DatePart.DAY)
    assert found.faults[0][1].tolist() == [False, True]


@pytest.mark.parametrize(("unit", "factor"), [(DateUnit.SECONDS, 1), (DateUnit.MILLISECONDS, 1000)])
def test_counted_units(unit, factor):
    column = [f"{1_700_000_000 * factor}", None, "nan", "1e300", "-1", "x"]
    found = parsed(column, DatePart.HOUR, unit=unit)
    assert found.faults[0][1].tolist() == [False, False, True, True, False, True]
    assert found.values.to_pylist()[:2] == [code(22), 0]
    assert found.values.to_pylist()[4] == code(23)


def test_a_form_of_ones_own():
    found = parsed(["24.12.2025 7h", "24.13.2025 7h", "24.12.2025"], DatePart.MONTH, form="%d.%m.%Y %Hh")
    assert found.faults[0][1].tolist() == [False, True, True]
    assert found.values.to_pylist()[0] == code(12)


def test_a_typed_column_of_another_kind_is_refused():
    with pytest.raises(SchemaMismatch, match="unit"):
        parsed([1, 2], DatePart.DAY)


@pytest.mark.parametrize(
    "line",
    [
        "d = { parts = [] }",
        'd = { parts = ["hour", "hour"] }',
        'd = { parts = ["era"] }',
        'd = { parts = ["hour"], form = "%d" }',
        'd = { parts = ["hour"], form = "%Y%Y" }',
        'd = { parts = ["hour"], form = "%Y%q" }',
        'd = { parts = ["hour"], form = "%Y", unit = "s" }',
        'id = { parts = ["hour"] }',
        'a = { parts = ["hour"] }',
    ],
)
def test_a_schema_that_asks_for_what_there_is_not(line):
    with pytest.raises(SchemaInvalid):
        loads(f'[id]\nname = "id"\ntype = "integer"\n[columns]\na = "categorical"\n[dates]\n{line}\n')


@pytest.mark.parametrize(
    "line", ['c = ["a"]', 'c = ["a", "a"]', 'c = ["a", "n"]', 'c = ["a", "z"]', 'b = ["a", "b"]']
)
def test_a_cross_of_what_there_is_not(line):
    with pytest.raises(SchemaInvalid):
        loads(
            '[id]\nname = "id"\ntype = "integer"\n[columns]\na = "categorical"\nb = "categorical"\n'
            f'n = "numeric"\n[crosses]\n{line}\n'
        )


ROWS = (
    "id,when,city,device\n1,2024-05-06T07:08:09Z,Rome,tv\n2,never,Rome,pc\n3,,Rome,\n4,2024-05-07,Oslo,tv\n"
)


@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
def test_prepared_by_either_reader(tmp_path, quote):
    """Plain text goes the compiled way, quoted text the reader's for everything: the same bytes."""
    source = tmp_path / "rows.csv"
    source.write_text(ROWS.replace("Rome,tv", f"{quote}Rome{quote},tv"))
    schema = loads(
        '[id]\nname = "id"\ntype = "integer"\n[columns]\ncity = "categorical"\ndevice = "categorical"\n'
        '[dates]\nwhen = { parts = ["weekday", "seconds"] }\n[crosses]\nboth = ["city", "device"]\n'
    )
    manifest = prepare(source, schema, tmp_path / "out")
    assert [column.name for column in manifest.columns] == [
        "city",
        "device",
        "when.weekday",
        "when.seconds",
        "both",
    ]
    assert manifest.quarantined == {Reason.NOT_A_DATE: 1}
    table = PreparedDataset.open(tmp_path / "out").table()
    assert table.column("when.weekday").to_pylist() == [code(1), 0, code(2)]
    both = table.column("both").to_pylist()
    cells = b"".join(code(text).to_bytes(8, "little") for text in ("Rome", "tv"))
    assert both[0] == xxhash.xxh3_64_intdigest(cells)
    assert both[1] == 0, "missing where one of them is"
    assert both[2] not in both[:2]


def test_inspect_suggests_the_parts_of_dates(tmp_path):
    source = tmp_path / "rows.csv"
    source.write_text(
        "id,when,what\n" + "".join(f"{n},2024-05-{n:02} 10:00,x{n % 3}\n" for n in range(1, 29))
    )
    schema = inspect(source).schema
    assert schema.dates == {"when": DateColumn(parts=(DatePart.WEEKDAY, DatePart.HOUR))}
    assert loads(schema.to_toml()) == schema


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_typed_times_beyond_the_calendar_are_at_fault(unit):
    """Found by reading: 2^62 seconds came back as 1970 when they were multiplied."""
    counts = pa.array([0, 1 << 62, None, -(1 << 62)], pa.int64())
    found = parsed(counts.cast(pa.timestamp(unit)), DatePart.YEAR)
    beyond = [False, unit != "ns", False, unit != "ns"]
    assert [mask.tolist() for _, mask in found.faults] == ([beyond] if any(beyond) else [])
    assert found.values.to_pylist()[0] == code(1970)
    assert found.values.to_pylist()[2] == 0


def test_typed_dates():
    days = [dt.date(1, 1, 1), dt.date(2024, 2, 29), None, dt.date(9999, 12, 31)]
    for kind in (pa.date32(), pa.date64()):
        found = parsed(pa.array(days, kind), DatePart.DAY)
        assert (found.values.to_pylist(), found.faults) == ([code(1), code(29), 0, code(31)], ())


def test_an_offset_that_is_none_is_at_fault():
    found = parsed(
        ["2024-01-01T10:00+99:00", "2024-01-01T10:00+01:60", "2024-01-01T10:00+01:30"], DatePart.HOUR
    )
    assert found.faults[0][1].tolist() == [True, True, False]
