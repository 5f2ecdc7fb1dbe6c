"""Delimited text, with or without header, read as a stream by Arrow (RFC 4180 quoting; LF, CRLF or CR)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from confide.core import limits
from confide.core.errors import UnreadableSource
from confide.data.readers.base import RowNumbers, SourceChunk, check_columns
from confide.data.readers.utf8_stream import Utf8Stream, is_marked, unmark
from confide.data.schema import Format, ReaderOptions

_DELIMITERS = ("\t", ",", ";", "|", " ")
_SNIFFED_BYTES = 64 * limits.KIB


class CsvSource:
    """One text file; compressed ones (.gz, .bz2, .zst) are expanded while they are read."""

    def __init__(self, path: Path, options: ReaderOptions) -> None:
        self._path = path
        self._options = options
        self.delimiter = options.delimiter or _delimiter(path, options.format)
        """One ASCII character."""
        try:
            with (
                Utf8Stream(str(path)) as text,
                self._open(text, pa_csv.ConvertOptions(), Malformed()) as reader,
            ):
                written = reader.schema.names
        except (pa.ArrowException, OSError, ValueError) as cause:
            raise UnreadableSource(f"{path}: {_told(cause)}") from None
        if any(is_marked(name) or "\0" in name for name in written):
            raise UnreadableSource(f"{path}: its header is not UTF-8 text: write the file anew as UTF-8")
        # Many tools write a row index under an empty name: it is called by its place.
        self._names = tuple(name or f"column_{at}" for at, name in enumerate(written, start=1))
        self._written = dict(zip(self._names, written, strict=True))

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    def chunks(self, columns: Sequence[str]) -> Iterator[SourceChunk]:
        check_columns(self._names, columns)
        written = [self._written[name] for name in columns]
        convert = pa_csv.ConvertOptions(
            include_columns=written,
            # Cells are taken as they are: what is wrong with one must not stop the others.
            column_types={name: pa.binary() for name in written},
            null_values=list(self._options.nulls),
            strings_can_be_null=True,
        )
        malformed = Malformed()
        try:
            with Utf8Stream(str(self._path)) as text, self._open(text, convert, malformed) as reader:
                for chunk in self._number(reader, malformed, list(columns)):
                    yield replace(chunk, batch=unmark(chunk.batch)) if text.marked else chunk
        except (pa.ArrowException, OSError) as cause:
            raise UnreadableSource(f"{self._path}: {_told(cause)}") from None

    def _number(
        self, reader: pa_csv.CSVStreamingReader, malformed: "Malformed", columns: list[str]
    ) -> Iterator[SourceChunk]:
        seen = 0
        for batch in reader:
            numbers, skipped = malformed.number(seen, batch.num_rows)
            seen += batch.num_rows
            yield SourceChunk(batch.rename_columns(columns), numbers, skipped, text=True)
        rest = malformed.rest()
        if rest.size:
            empty = pa.RecordBatch.from_pylist([], schema=reader.schema)
            yield SourceChunk(empty.rename_columns(columns), np.empty(0, np.int64), rest, text=True)

    def _open(
        self, text: Utf8Stream, convert: pa_csv.ConvertOptions, malformed: "Malformed"
    ) -> pa_csv.CSVStreamingReader:
        options = self._options
        malformed.header_rows = int(options.header)
        return pa_csv.open_csv(
            cast("IO[bytes]", text),
            read_options=pa_csv.ReadOptions(
                # Only the serial reader tells the number of a malformed row.
                use_threads=False,
                block_size=limits.READ_CHUNK_BYTES,
                column_names=list(options.names) or None,
                autogenerate_column_names=not options.header and not options.names,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self.delimiter,
                quote_char='"' if options.quoting else False,
                newlines_in_values=options.quoting,
                invalid_row_handler=malformed,
            ),
            convert_options=convert,
        )


class Malformed:
    """Collects the rows that the parser skips; from their numbers follow those of the rows it gives.

    The parser runs ahead of the chunks it hands out, so rows beyond the current chunk may be known already.
    """

    def __init__(self) -> None:
        self.header_rows = 0
        self._found: list[int] = []
        self._reported = 0

    def __call__(self, row: pa_csv.InvalidRow) -> Literal["skip", "error"]:
        if row.number is None:
            return "error"
        self._found.append(row.number - self.header_rows)
        return "skip"

    def number(self, seen: int, count: int) -> tuple[RowNumbers, RowNumbers]:
        """(numbers of the next `count` good rows after `seen` good ones, malformed rows before the last)."""
        found = np.asarray(self._found, dtype=np.int64)
        start = seen + self._reported + 1
        pending = found[self._reported :]
        candidates = np.arange(start, start + count + pending.size, dtype=np.int64)
        numbers = np.setdiff1d(candidates, pending, assume_unique=True)[:count]
        last = numbers[-1] if count else start - 1
        skipped = pending[pending < last]
        self._reported += skipped.size
        return numbers, skipped

    def rest(self) -> RowNumbers:
        """Malformed rows after the last good one."""
        return np.asarray(self._found[self._reported :], dtype=np.int64)


def _told(cause: Exception) -> str:
    text = str(cause)
    if "straddling" not in text:  # Arrow's word for a row that does not fit into two chunks
        return text
    return (
        f"a row is longer than {limits.READ_CHUNK_BYTES} bytes (READ_CHUNK_BYTES); perhaps a quote is never "
        "closed: mend it, or write quoting = false under [reader] where quotes do not quote"
    )


def _delimiter(path: Path, form: Format) -> str:
    if form is Format.CSV:
        return ","
    if form is Format.TSV:
        return "\t"
    try:
        with pa.input_stream(str(path)) as stream:
            head = stream.read(_SNIFFED_BYTES).decode("utf-8", errors="replace")
    except (pa.ArrowException, OSError) as cause:
        raise UnreadableSource(f"{path}: {cause}") from None
    lines = [line for line in head.splitlines() if line][:-1] or [head]
    counts = {mark: Counter(line.count(mark) for line in lines).most_common(1)[0] for mark in _DELIMITERS}
    # The delimiter occurs in most lines equally often; of several such, the first of the list above.
    found = {mark: agreeing for mark, (per_line, agreeing) in counts.items() if per_line}
    return max(found, key=lambda mark: found[mark]) if found else ","
