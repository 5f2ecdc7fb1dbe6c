"""What every reader gives: some columns of a source, chunk by chunk, with the number of each row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core.errors import SchemaMismatch, UnreadableSource

RowNumbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SourceChunk:
    """Consecutive rows. Text is `binary`, not yet known to be UTF-8; typed files keep their other types."""

    batch: pa.RecordBatch
    numbers: RowNumbers
    """Of each row of the batch, from 1, the header not counted."""
    malformed: RowNumbers
    """Rows before the last of this chunk that have the wrong number of fields; not in the batch."""
    text: bool
    """Whether the cells were written as text, in which case null spellings have become nulls."""


class Source(Protocol):
    """An opened source."""

    @property
    def names(self) -> tuple[str, ...]:
        """All its columns, in order."""
        ...

    def chunks(self, columns: Sequence[str]) -> Iterator[SourceChunk]:
        """Read from the start. Raises SchemaMismatch for a column it lacks, UnreadableSource."""
        ...


def check_columns(names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raises SchemaMismatch where a wanted column is absent, UnreadableSource where it occurs twice."""
    for name in wanted:
        if name not in names:
            raise SchemaMismatch(f"the source has no column {name!r}; it has: {', '.join(names)[:500]}")
        if names.count(name) > 1:
            raise UnreadableSource(f"the source has more than one column {name!r}")
