"""Source files of any size, read chunk by chunk."""

import stat
from contextlib import nullcontext
from pathlib import Path

import msgspec

from confide.core.errors import UnreadableSource
from confide.data.readers.base import Source, SourceChunk
from confide.data.readers.csv import CsvSource
from confide.data.readers.parquet import ParquetSource
from confide.data.schema import Format, ReaderOptions

__all__ = ["Source", "SourceChunk", "open_source"]

_FORMATS = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".txt": Format.TEXT,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}
_COMPRESSED = {".gz", ".bz2", ".zst"}


def open_source(path: Path, options: ReaderOptions) -> Source:
    """Open a file by its suffix, or as `options.format` says. Raises UnreadableSource."""
    try:
        found = path.stat()
        with path.open("rb") if stat.S_ISREG(found.st_mode) else nullcontext():
            pass
    except OSError as cause:
        raise UnreadableSource(f"{path}: {cause.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableSource(f"{path}: not a plain file")
    if not found.st_size:
        raise UnreadableSource(f"{path}: the file is empty")
    resolved = options.format if options.format is not Format.AUTO else _by_suffix(path)
    if resolved is Format.PARQUET:
        return ParquetSource(path)
    return CsvSource(path, msgspec.structs.replace(options, format=resolved))


def _by_suffix(path: Path) -> Format:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    found = _FORMATS.get(suffixes[-1]) if suffixes else None
    if found is None:
        known = ", ".join(_FORMATS)
        raise UnreadableSource(f"{path}: unknown suffix (known: {known}); name the format in the schema")
    return found
