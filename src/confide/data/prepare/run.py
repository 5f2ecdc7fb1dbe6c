"""`prepare`: read, parse, put aside what can't be used, write blocks and the manifest."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from confide.core import limits
from confide.core.digest import sha384_stream
from confide.core.errors import (
    ConfigurationError,
    DataError,
    LimitExceeded,
    SchemaMismatch,
    UnreadableSource,
)
from confide.core.ports import Progress
from confide.data.dataset import MANIFEST_NAME, QUARANTINE_NAME
from confide.data.manifest import BlockEntry, Manifest, Reason, SourceEntry
from confide.data.prepare.chunks import ParsedChunk, columns_of, stored_schema
from confide.data.prepare.duplicates import IdLog, without_rows
from confide.data.prepare.plain_text import parse_source
from confide.data.prepare.quarantine import Quarantine
from confide.data.prepare.writer import BlockWriter
from confide.data.readers import open_source
from confide.data.schema import Schema


def prepare(source: Path, schema: Schema, out: Path, progress: Progress | None = None) -> Manifest:
    """Write the prepared dataset of `source` to the folder `out`.

    The same source and schema give the same bytes. Rows that can't be used are put aside and counted
    (manifest.quarantined; quarantine.jsonl names the first of them).
    Of several usable rows with one id the first is kept. `out` appears whole or not at all; an earlier
    prepared dataset there is replaced, anything else is not. `progress` is called with the stages "digest"
    (bytes) and "rows" (total unknown).

    Raises:
        UnreadableSource: the file can't be read, or has no rows.
        SchemaMismatch: a column is absent or can't be of its kind, or not one row is usable.
        LimitExceeded: more rows or blocks than the limits allow.
        ConfigurationError: `out` exists and is no prepared dataset, or can't be written.
    """
    opened = open_source(source, schema.reader)
    report = progress or _silent
    size = source.stat().st_size
    digest = sha384_stream(_read(source, size, report))
    with _folder(out) as folder:
        quarantine = Quarantine()
        stored = stored_schema(schema)
        parsed = _told(parse_source(opened, source, schema, stored), report)
        rows, blocks = _write(parsed, stored, folder, quarantine)
        if not blocks:
            raise _nothing_left(rows, quarantine)
        manifest = _manifest(schema, blocks, SourceEntry(digest, size, rows), quarantine)
        encoded = manifest.encode()
        if len(encoded) > limits.MAX_MANIFEST_BYTES:
            raise LimitExceeded(f"a manifest of {len(encoded)} bytes (MAX_MANIFEST_BYTES): split the source")
        (folder / MANIFEST_NAME).write_bytes(encoded)
        quarantine.write(folder / QUARANTINE_NAME)
    return manifest


def _told(chunks: Iterator[ParsedChunk], report: Progress) -> Iterator[ParsedChunk]:
    """The chunks; `report` hears of each after it has been taken care of."""
    rows = 0
    for chunk in chunks:
        yield chunk
        rows += chunk.rows
        report("rows", rows, None)


def _write(
    chunks: Iterator[ParsedChunk], stored: pa.Schema, folder: Path, quarantine: Quarantine
) -> tuple[int, tuple[BlockEntry, ...]]:
    """(rows of the source, blocks written)."""
    ids, rows = IdLog(), 0
    with BlockWriter(folder, stored) as writer:
        for parsed in chunks:
            rows += parsed.rows
            for numbers, reason, column in parsed.put_aside:
                quarantine.add(numbers, reason, column)
            ids.add(parsed.batch.column(0), parsed.numbers)
            writer.add(parsed.batch)
        blocks = writer.finish()
    repeated = ids.repeated()
    if repeated.size:
        quarantine.add(ids.numbers[repeated], Reason.DUPLICATE_ID, stored.names[0])
        blocks = without_rows(folder, stored, blocks, repeated)
    return rows, blocks


def _manifest(
    schema: Schema, blocks: tuple[BlockEntry, ...], source: SourceEntry, quarantine: Quarantine
) -> Manifest:
    return Manifest(
        id=schema.id.stored,
        label=schema.label,
        columns=columns_of(schema),
        rows=sum(block.rows for block in blocks),
        blocks=blocks,
        source=source,
        quarantined=quarantine.counts,
    )


def _nothing_left(rows: int, quarantine: Quarantine) -> DataError:
    if not rows:
        return UnreadableSource("the source has no rows")
    reason, count = max(quarantine.counts.items(), key=lambda item: item[1])
    return SchemaMismatch(
        f"not one of {rows} rows is usable; the most frequent reason: {reason.value} ({count} rows)"
    )


def _read(source: Path, size: int, report: Progress) -> Iterator[bytes]:
    done = 0
    try:
        with source.open("rb") as file:
            while chunk := file.read(limits.READ_CHUNK_BYTES):
                done += len(chunk)
                yield chunk
                report("digest", done, size)
    except OSError as cause:
        raise UnreadableSource(f"{source}: {cause.strerror}") from None


@contextmanager
def _folder(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that takes its place when all went well."""
    out = out.resolve()
    if out.exists() and not (out / MANIFEST_NAME).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigurationError(f"{out} exists and is no prepared dataset: it is left as it is")
    partial = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, mode=0o700)
        yield partial
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    except OSError as cause:
        # Reading has errors of its own: this one is of the place written to.
        raise ConfigurationError(f"{out}: {cause.strerror}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _silent(stage: str, done: int, total: int | None) -> None:
    """Progress that nobody watches."""
