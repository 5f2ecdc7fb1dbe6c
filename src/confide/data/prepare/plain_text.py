"""Plain delimited text, parsed by the compiled library: split, hash and read numbers in one pass.

Plain is UTF-8 text, not compressed, without quotes that quote, in lines that end with LF or CRLF. What a cell
is worth is the same as in `cells`, to the bit: where the library is not sure of a column (a number with an
exponent, for instance), that column of the piece goes the long way. Where a piece is not plain, the reader
for everything takes over, from that row on.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from confide.core import limits
from confide.core.errors import UnreadableSource
from confide.core.features import Kind
from confide.data.ordered_pool import map_in_order
from confide.data.prepare.cells import Parsed, Parser
from confide.data.prepare.chunks import ParsedChunk, parse_chunk, parsers, put_together
from confide.data.prepare.composite import with_one_id
from confide.data.prepare.crosses import places, with_crosses
from confide.data.prepare.native_rows import MOST_NULL_BYTES, As, TextForm, read_rows
from confide.data.readers import Source, SourceChunk
from confide.data.readers.base import check_columns
from confide.data.readers.csv import CsvSource
from confide.data.schema import Schema

_COMPRESSED: Final = frozenset({".gz", ".bz2", ".zst", ".lz4"})
_MARK: Final = b"\xef\xbb\xbf"
"""U+FEFF at the start of a file (RFC 3629, 6)."""


def parse_source(source: Source, path: Path, schema: Schema, stored: pa.Schema) -> Iterator[ParsedChunk]:
    """All rows of the source at `path`, in order. Raises UnreadableSource, SchemaMismatch."""
    taken = 0
    plain = PlainText.of(source, path, schema)
    if plain is not None:
        with closing(map_in_order(lambda piece: plain.parse(piece, stored), plain.pieces())) as pieces:
            for parsed in pieces:
                if parsed is None:
                    break
                yield parsed.after(taken)
                taken += parsed.rows
            else:
                return
    chunks = _behind(source.chunks(schema.names), taken)
    yield from map_in_order(lambda chunk: parse_chunk(chunk, schema, stored), chunks)


def _behind(chunks: Iterator[SourceChunk], rows: int) -> Iterator[SourceChunk]:
    """The chunks without the first `rows` rows of the source."""
    for chunk in chunks:
        first = int((chunk.numbers <= rows).sum())  # numbers ascend
        malformed = chunk.malformed[chunk.malformed > rows]
        yield SourceChunk(chunk.batch.slice(first), chunk.numbers[first:], malformed, text=chunk.text)


@dataclass(frozen=True, slots=True)
class _Column:
    """One column to be stored."""

    place: int
    """In a row of the text."""
    kind: As
    closely: Parser
    """For the text of its cells."""
    surely: Parser
    """For what the library has made of them."""


@dataclass(frozen=True, slots=True)
class PlainText:
    """A source that looks plain: how its lines are read, and what becomes of its columns."""

    path: Path
    form: TextForm
    quoting: bool
    columns: tuple[_Column, ...]
    schema: Schema
    crosses: tuple[tuple[int, ...], ...]
    start: int
    """Where the first row begins."""

    @classmethod
    def of(cls, source: Source, path: Path, schema: Schema) -> "PlainText | None":
        """None for a source that begins otherwise. Raises SchemaMismatch, UnreadableSource."""
        nulls = tuple(null.encode() for null in schema.reader.nulls)
        if not isinstance(source, CsvSource) or path.suffix.lower() in _COMPRESSED:
            return None
        if any(len(null) > MOST_NULL_BYTES for null in nulls):
            return None
        check_columns(source.names, schema.names)
        form = TextForm(len(source.names), source.delimiter.encode(), nulls)
        start = _start(path, form, schema)
        columns = tuple(_columns(schema, source.names))
        return (
            None
            if start is None
            else cls(path, form, schema.reader.quoting, columns, schema, places(schema), start)
        )

    def pieces(self) -> Iterator[bytes | None]:
        """The rows, some whole lines at a time; None, and nothing more, at a line that is too long.

        Raises UnreadableSource.
        """
        begun = b""
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                while data := file.read(limits.READ_CHUNK_BYTES):
                    end = data.rfind(b"\n") + 1
                    line = len(begun) + (data.index(b"\n") if end else len(data))
                    if line > limits.READ_CHUNK_BYTES:
                        yield None
                        return
                    if end:
                        yield begun + data[:end]
                    begun = data[end:] if end else begun + data
        except OSError as cause:
            raise UnreadableSource(f"{self.path}: {cause.strerror}") from None
        if begun:
            yield begun

    def parse(self, piece: bytes | None, stored: pa.Schema) -> ParsedChunk | None:
        """Runs in several threads. None: not plain."""
        if piece is None or (self.quoting and b'"' in piece) or not _is_utf8(piece):
            return None
        found = read_rows(piece, self.form, {column.place: column.kind for column in self.columns})
        if found is None:
            return None
        unsure = {column.place: As.TEXT for column in self.columns if column.place not in found.columns}
        again = read_rows(piece, self.form, unsure) if unsure else None
        texts = again.columns if again is not None else {}
        columns = [
            column.closely(texts[column.place])
            if column.place in texts
            else column.surely(found.columns[column.place])
            for column in self.columns
        ]
        columns = with_crosses(with_one_id(columns, self.schema), self.crosses)
        return put_together(columns, found.numbers, found.malformed, stored)


def _columns(schema: Schema, names: tuple[str, ...]) -> Iterator[_Column]:
    label = schema.label.name if schema.label is not None else None
    ids = schema.id.columns or (schema.id.name,)
    for name, parser in parsers(schema):
        if name in ids or name in schema.dates:
            yield _Column(names.index(name), As.TEXT, parser, parser)
        elif name == label:
            yield _Column(names.index(name), As.NUMBER, parser, parser)
        else:
            kind = As.CATEGORY if schema.columns[name] is Kind.CATEGORICAL else As.NUMBER
            yield _Column(names.index(name), kind, parser, Parsed)


def _start(path: Path, form: TextForm, schema: Schema) -> int | None:
    """Where the first row begins; None where the first line is not plain."""
    try:
        with path.open("rb") as file:
            line = file.readline(limits.READ_CHUNK_BYTES)
    except OSError as cause:
        raise UnreadableSource(f"{path}: {cause.strerror}") from None
    if not schema.reader.header:
        return None if line.startswith(_MARK) else 0
    names = line.removesuffix(b"\n").removesuffix(b"\r").split(form.delimiter)
    if b'"' in line or b"\r" in names[-1] or len(names) != form.width or names == [b""]:
        return None
    return len(line)


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
