"""Broken and odd sources, made by code: each is put among good rows where it can be, to see that those
survive.

A sample writes one file. All have the columns of SCHEMA, but for those that are about other columns.
"""

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """[id]
name = "id"
type = "{id}"
[label]
name = "click"
[columns]
city = "categorical"
price = "numeric"
"""
GOOD = 40
"""Good rows around the bad ones: ids 1 to GOOD."""
CITIES = ("Basel", "Genève", "東京", "Ulm")


@dataclass(frozen=True)
class Sample:
    """One kind of input."""

    name: str
    group: str
    what: str
    """For the table of docs/reference/bad-input.md."""
    write: Callable[[Path], None]
    suffix: str = ".csv"
    ids: str = "integer"
    usable: bool = True
    """Whether `prepare` makes a dataset of it."""

    @property
    def schema(self) -> str:
        return SCHEMA.format(id=self.ids)

    def make(self, folder: Path) -> Path:
        path = folder / f"{self.name}{self.suffix}"
        self.write(path)
        return path


SAMPLES: list[Sample] = []


def good_line(number):
    return f"{number},{number % 2},{CITIES[number % 4]},{number / 4}\n"


def text(*, before="id,click,city,price\n", after="", good=GOOD, end="\n"):
    """A file of good rows with something before and after them."""
    lines = "".join(good_line(number) for number in range(1, good + 1))
    return (before + lines + after).replace("\n", end).encode()


def _csv(name, group, what, content, **more):
    data = content if isinstance(content, bytes) else text(after=content)
    SAMPLES.append(Sample(name, group, what, lambda path: path.write_bytes(data) and None, **more))


def add_file(name, group, what, write, **more):
    SAMPLES.append(Sample(name, group, what, write, **more))


def _refused(name, group, what, content, **more):
    _csv(name, group, what, content, usable=False, **more)


# --- shape of text ---------------------------------------------------------------------------------------

_csv("too-few-fields", "Rows of text", "rows with too few fields", "101,1\n102\n103,0,Bern\n")
_csv("too-many-fields", "Rows of text", "rows with too many fields", "101,1,Bern,2,3\n102,0,Bern,1,,,,\n")
_csv("blank-lines", "Rows of text", "blank lines", "\n\n101,1,Bern,2\n\n")
_csv("no-last-line-end", "Rows of text", "no line end after the last row", "101,1,Bern,2")
_csv(
    "mixed-line-ends",
    "Rows of text",
    "LF, CRLF and CR in one file",
    "101,1,Bern,2\r\n102,0,Bern,2\r103,1,Bern,2\n",
)
_csv(
    "quoted",
    "Rows of text",
    "delimiters, line ends and doubled quotes inside quotes",
    '101,1,"a, ""b""\nc",2\n',
)
_csv("quote-inside", "Rows of text", "a quote in the middle of a field", '101,1,a"b,2\n102,0,5" disk,2\n')
_csv(
    "quote-left-open",
    "Rows of text",
    "a quote that is never closed: it takes the rest of the file",
    '101,1,"Bern,2\n102,1,Ulm,2\n',
)
_csv(
    "nul-bytes",
    "Rows of text",
    "NUL bytes in fields",
    "101,1,a\0b,2\n102,1,c,\0\n103,\0,c,1\n10\x004,1,c,1\n",
)
_csv(
    "long-field",
    "Rows of text",
    "a field of more than 64 KiB",
    f"101,1,{'x' * 65_537},2\n102,1,{'x' * 65_536},2\n",
)
_csv(
    "long-number",
    "Rows of text",
    "a number of 70,000 digits",
    f"101,1,Bern,{'9' * 70_000}\n102,1,Bern,0.{'3' * 70_000}\n",
)
_refused("long-row", "Rows of text", "a row of more than 8 MiB", f"101,1,{'x' * (8 << 20)},2\n")
_refused(
    "quote-left-open-early",
    "Rows of text",
    "a quote that is never closed, with more than 8 MiB after it",
    '101,1,"Bern,2\n' + "".join(good_line(number) for number in range(200, 500_000)),
)
_csv(
    "control-characters",
    "Rows of text",
    "escape sequences and direction marks in fields",
    "101,1,\x1b[2J\u202e,2\n",
)

# --- encodings -------------------------------------------------------------------------------------------

_csv(
    "latin-1",
    "Encodings",
    "fields in Latin-1",
    text() + b"101,1,Gen\xe8ve,2\n102,1,Bern,\xb2\n103,\xff,Bern,1\n",
)
_csv(
    "latin-1-wrong-width",
    "Encodings",
    "rows in Latin-1 of the wrong width",
    text() + b"101,1,Gen\xe8ve,2,3\n102,\xe8\n",
)
_csv("latin-1-id", "Encodings", "ids in Latin-1", text() + b"\xe8,1,Bern,2\n", ids="string")
_csv(
    "surrogates",
    "Encodings",
    "UTF-8 of a lone surrogate, overlong UTF-8",
    text() + b"101,1,\xed\xa0\x80,1\n102,1,\xc0\xaf,1\n",
)
_csv("bom", "Encodings", "a UTF-8 byte order mark", b"\xef\xbb\xbf" + text())
_refused("utf-16", "Encodings", "UTF-16 with byte order mark", text().decode().encode("utf-16"))
_refused("utf-16-bare", "Encodings", "UTF-16 without byte order mark", text().decode().encode("utf-16-be"))
_refused("utf-32", "Encodings", "UTF-32 with byte order mark", text().decode().encode("utf-32"))
_refused("latin-1-header", "Encodings", "a header in Latin-1", b"id,click,city,pr\xe8s\n1,0,a,1\n")

# --- cells -----------------------------------------------------------------------------------------------

_csv(
    "infinite",
    "Cells",
    "NaN and infinities in a numeric column",
    "101,1,Bern,NaN\n102,1,Bern,inf\n103,0,Bern,-Infinity\n104,1,Bern,1e999\n",
)
_csv(
    "odd-numbers",
    "Cells",
    "numbers as +1, .5, 5., 1E3, with spaces around: read",
    "101,1,B,+1\n102,1,B,.5\n103,0,B,5.\n104,1,B,1E3\n105,+1,B, 7 \n",
)
_csv(
    "no-numbers", "Cells", "0x10, 1_000, 1'000, ½, １２, 1.2.3, --1, words, in a numeric column",
    "101,1,B,0x10\n102,1,B,1_000\n103,1,B,1'000\n104,1,B,½\n105,1,B,１２\n106,1,B,1.2.3\n107,1,B,--1\n108,1,B,many\n109,1,B,1e\n",
)  # fmt: skip
_csv(
    "dates",
    "Cells",
    "dates, possible or not, in a numeric column",
    "101,1,B,2026-11-20\n102,1,B,2026-02-30\n103,1,B,20.11.2026\n104,1,B,20261120\n",
)
_csv("missing", "Cells", "missing cells of features", "101,1,,\n102,0,,3\n103,1,B,\n")
_csv(
    "bad-labels",
    "Cells",
    "labels that are missing or neither 0 nor 1",
    "101,,B,1\n102,2,B,1\n103,yes,B,1\n104,0.5,B,1\n105,NaN,B,1\n106,-0,B,1\n107,1.0,B,1\n",
)
_csv("equal-labels", "Cells", "all labels equal", text().replace(b",1,", b",0,"))
_refused("no-labels", "Cells", "no label in any row", text().replace(b",1,", b",,").replace(b",0,", b",,"))
_csv(
    "many-categories",
    "Cells",
    "a column of 50,000 different values",
    "".join(f"{1000 + i},1,c{i},1\n" for i in range(50_000)),
)

# --- ids -------------------------------------------------------------------------------------------------

_csv("duplicate-ids", "Ids", "ids that occur again: the first row counts", good_line(1) * 3 + "7,1,Bern,2\n")
_csv("empty-ids", "Ids", "rows without id", ",1,Bern,2\n,0,Bern,3\n")
_csv(
    "wide-ids",
    "Ids",
    "integer ids beyond 64 bits, fractions, hexadecimal",
    "9223372036854775808,1,B,1\n-9223372036854775809,1,B,1\n1.5,1,B,1\n0x10,1,B,1\n1e3,1,B,1\n9223372036854775807,1,B,1\n",
)
_csv(
    "spelled-ids",
    "Ids",
    "integer ids spelled in two ways: 7, 007, +7 are one id",
    "007,1,B,1\n+7,1,B,1\n 7 ,1,B,1\n101,1,B,1\n",
)
_csv(
    "ids-by-case",
    "Ids",
    "text ids that differ in case, spaces, Unicode form or leading zeros only: all different",
    "a,1,B,1\nA,1,B,1\na ,1,B,1\né,1,B,1\ne\u0301,1,B,1\n01,1,B,1\n1.0,1,B,1\n",
    ids="string",
)
_csv(
    "long-ids",
    "Ids",
    "text ids of more than 256 bytes",
    f"{'i' * 257},1,B,1\n{'i' * 256},1,B,1\n",
    ids="string",
)

# --- whole files -----------------------------------------------------------------------------------------

_refused("empty", "Whole files", "an empty file", b"")
_refused("header-only", "Whole files", "a header and no row", b"id,click,city,price\n")
_csv("one-row", "Whole files", "one row", b"id,click,city,price\n1,1,Ulm,2\n")
_refused("no-good-row", "Whole files", "not one usable row", b"id,click,city,price\nx,1,Ulm,2\ny,1\n")
_refused("column-missing", "Whole files", "a column of the schema is absent", b"id,click,city\n1,1,Ulm\n")
_refused(
    "column-twice", "Whole files", "a column name occurs twice", b"id,click,city,price,city\n1,1,Ulm,2,Ulm\n"
)
_refused("other-delimiter", "Whole files", "semicolons in a file called .csv", text().replace(b",", b";"))
_refused("noise", "Whole files", "random bytes called .csv", bytes([128]) + random.Random(1).randbytes(5000))
_refused("unknown-suffix", "Whole files", "a suffix that is not known", text(), suffix=".xlsx")
_csv("gzip", "Whole files", "text compressed by gzip", gzip.compress(text(), mtime=0), suffix=".csv.gz")
_refused(
    "gzip-cut",
    "Whole files",
    "compressed text, cut off",
    gzip.compress(text() * 50, mtime=0)[:-200],
    suffix=".csv.gz",
)
_refused("gzip-not", "Whole files", "text that is called .gz", text(), suffix=".csv.gz")
_refused(
    "gzip-bomb",
    "Whole files",
    "64 KiB of gzip that expand to 64 MiB of one row",
    gzip.compress(b"id,click,city,price\n1,1," + b"x" * (64 << 20), mtime=0),
    suffix=".csv.gz",
)
