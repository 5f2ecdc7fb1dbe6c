"""The compiled way of reading plain text gives what the reader for everything gives, to the byte."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confide.core import limits
from confide.core.errors import ConfideError
from confide.core.features import Kind
from confide.data.manifest import Reason
from confide.data.prepare import plain_text, prepare
from confide.data.prepare.native_rows import As, TextForm, library, read_rows
from confide.data.schema import IdColumn, IdType, LabelColumn, ReaderOptions, Schema

pytestmark = pytest.mark.skipif(library() is None, reason="installed without the compiled library")

NUMBERS = (
    *("0", "-0", "007", "1.5", "-1.25", "3.14159265358979", "9007199254740993", "123456789012345678"),
    *("0.1", "1e3", "+5", " 7", "1.", ".5", "-", "1.2.3", "1-2", "inf", "nan", "-inf", "0x10", "١"),
    *("99999999999999999999999", "0.000000000000000001", "12345678901234567.8", "1,5", "", "", "NULL"),
)
CATEGORIES = ("red", "", "NULL", "a" * 17, "b" * 129, "c" * 300, "日本", "x'y", "tab", " ", "\u00a0", "0")
IDS = ("", " 1", "12", "-3", "0x1", "9223372036854775807", "9223372036854775808", "ä")
WIDTHS = st.sampled_from([4] * 30 + [1, 3, 5])


@st.composite
def texts(draw):
    """Lines of four cells (id, number, category, label), some too short or too long, some empty."""
    delimiter = draw(st.sampled_from("\t,;"))
    end = draw(st.sampled_from(["\n"] * 6 + ["\r\n", "\r"]))
    lines = []
    for number in range(draw(st.integers(0, 12))):
        cells = [
            draw(st.sampled_from((str(number), str(number), f"id{number}", *IDS))),
            draw(st.sampled_from(NUMBERS)),
            draw(st.sampled_from(CATEGORIES)),
            draw(st.sampled_from(("0", "1", "1", "0.0", "2", "", "1e0"))),
            "more",
        ]
        lines.append(delimiter.join(cells[: draw(WIDTHS)]))
        lines += [""] * draw(st.sampled_from([0] * 9 + [1]))
    noise = draw(st.sampled_from([b""] * 12 + [b'"', b"\r", b"\0", b'"q\n"']))
    text = end.join(["id", *lines]).removeprefix("id").removeprefix(end).encode()
    text += draw(st.sampled_from([b"", end.encode()]))
    at = draw(st.integers(0, len(text)))
    header = delimiter.join(("id", "n", "c", "y")) + end
    with_header = draw(st.booleans())
    mark = draw(st.sampled_from([b""] * 9 + [b"\xef\xbb\xbf"]))
    return (
        mark + (header.encode() if with_header else b"") + text[:at] + noise + text[at:],
        with_header,
        delimiter,
    )


@st.composite
def schemas(draw, with_header, delimiter):
    reader = ReaderOptions(
        format="text",
        delimiter=delimiter,
        header=with_header,
        names=() if with_header else ("id", "n", "c", "y"),
        quoting=draw(st.booleans()),
        nulls=draw(st.sampled_from([("",), ("", "NULL"), ("NULL",), ()])),
    )
    return Schema(
        id=IdColumn(name="id", type=draw(st.sampled_from(list(IdType)))),
        label=draw(st.sampled_from([None, LabelColumn(name="y")])),
        columns={"c": Kind.CATEGORICAL, "n": Kind.NUMERIC},
        reader=reader,
    )


def outcome(folder, source, schema):
    """All bytes of the dataset, or the kind of error."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    try:
        prepare(source, schema, folder / "out")
    except ConfideError as error:
        return type(error)
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}


@pytest.mark.parametrize("chunk", [limits.READ_CHUNK_BYTES, 400])
def test_both_ways_give_the_same_bytes(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "READ_CHUNK_BYTES", chunk)
    native = plain_text.read_rows

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=st.data())
    def check(data):
        text, with_header, delimiter = data.draw(texts())
        schema = data.draw(schemas(with_header, delimiter))
        source = tmp_path / "source.txt"
        source.write_bytes(text)
        monkeypatch.setattr(plain_text, "read_rows", native)
        ours = outcome(tmp_path, source, schema)
        monkeypatch.setattr(plain_text, "read_rows", lambda *_: None)
        assert ours == outcome(tmp_path, source, schema)

    check()


def test_a_piece_that_is_not_utf8_goes_the_other_way(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "READ_CHUNK_BYTES", 100)
    source = tmp_path / "source.csv"
    source.write_bytes(b"id,n,c\n" + b"".join(b"%d,1,c\n" % row for row in range(100)) + b"x,1,\xff\ny,2,d\n")
    schema = Schema(id=IdColumn(name="id", type=IdType.STRING), columns={"c": Kind.CATEGORICAL})
    manifest = prepare(source, schema, tmp_path / "out")
    assert (manifest.rows, manifest.quarantined) == (101, {Reason.NOT_UTF8: 1})
    assert b'"row":101' in (tmp_path / "out" / "quarantine.jsonl").read_bytes()


FORM = TextForm(width=3, delimiter=b",", nulls=(b"",))


def test_a_piece_is_read_natively():
    """Not vacuous: the plain case does not go the long way."""
    found = read_rows(b"a,1.5,x\nb,,\n", FORM, {0: As.TEXT, 1: As.NUMBER, 2: As.CATEGORY})
    assert found.columns[0].to_pylist() == [b"a", b"b"]
    assert str(found.columns[1].to_pylist()) == "[1.5, nan]"
    assert found.columns[2].to_pylist()[1] == 0


def test_only_the_column_in_doubt_is_left_out():
    found = read_rows(b"a,1e3,x\n", FORM, {0: As.TEXT, 1: As.NUMBER, 2: As.CATEGORY})
    assert set(found.columns) == {0, 2}


def test_rows_of_the_wrong_width_are_named():
    found = read_rows(b"a,1,x\nb\n\nc,3\nd,4,y,z\ne,5,z", FORM, {1: As.NUMBER})
    assert found.columns[1].to_pylist() == [1.0, 5.0]
    assert (found.numbers.tolist(), found.malformed.tolist()) == ([1, 5], [2, 3, 4])


@pytest.mark.parametrize("text", [b"a,1,x\rb,2,y\n", b"a,1\r,x\n", b"a,1,x\r"])
def test_a_lone_carriage_return_is_not_plain(text):
    assert read_rows(text, FORM, {1: As.NUMBER}) is None


@pytest.mark.parametrize("padding", range(130))
def test_rows_wherever_they_lie(padding):
    """Around every border of the 64 bytes that are looked at together."""
    first = b"x" * padding + b",1,c\r\n"
    found = read_rows(first + b"y,-2.5,cc\r\n" * 20, FORM, {0: As.TEXT, 1: As.NUMBER})
    assert found.columns[0].to_pylist() == [b"x" * padding or None, *[b"y"] * 20]
    assert found.columns[1].to_pylist() == [1.0, *[-2.5] * 20]


def test_a_plain_file_is_never_read_by_the_other_way(tmp_path, monkeypatch):
    source = Path(tmp_path / "source.csv")
    source.write_text("id,n,c\n" + "".join(f"{row},{row}.25,c{row % 7}\n" for row in range(1000)))
    monkeypatch.setattr(limits, "READ_CHUNK_BYTES", 1000)
    monkeypatch.setattr(plain_text, "parse_chunk", None)
    schema = Schema(
        id=IdColumn(name="id", type=IdType.INTEGER), columns={"c": Kind.CATEGORICAL, "n": Kind.NUMERIC}
    )
    assert prepare(source, schema, tmp_path / "out").rows == 1000
