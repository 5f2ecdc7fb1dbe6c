"""Encoded rows that do not fit into memory: sealed pieces on disk, of which one shard at a time is opened.

Statistics come first, one column at a time. Then each party's blocks are read once: every block is decoded,
encoded, and cut into pieces by the shards in which its rows stand. A shard is put together from the pieces of
all parties whenever it is its turn. To the training rows a permutation has been applied before, so that each
shard is a sample of them, in whatever order the parties have theirs.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Batch
from confide.core import limits
from confide.core.features import CROSSED, Cross, Feature, Kind
from confide.data.block_columns import BlockColumns
from confide.data.columns import Field
from confide.data.encoding import FeatureEncoder
from confide.data.filling import Filled, slices
from confide.data.ordered_pool import map_in_order
from confide.data.part_encoding import PartEncoder
from confide.data.spreading import Layout, Piece, Positions, cut, place
from confide.data.vocabulary import Vocabulary
from confide.enclave.rows.blaming import blaming
from confide.enclave.rows.encoded_rows import EncodedRows, Labels, Split
from confide.enclave.rows.opened import Opened
from confide.enclave.storage.spool import Record, Spool, SpoolFolder
from confide.enclave.work import Step

PURPOSE = "piece"
_ENCODED_BYTES = 8
"""Of one row and field: index and value."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A piece on disk: the fields `start` to `end` of some rows of a shard."""

    record: Record
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Of all shards."""

    layout: Layout
    fields: int
    spool: Spool
    of_shard: list[list[Stored]] = field(repr=False)

    def put(self, found: list[Piece], start: int, end: int) -> None:
        """Pieces of the fields `start` to `end`. Raises SpoolFailed."""
        for piece in found:
            self.of_shard[piece.shard].append(Stored(self.spool.put(PURPOSE, piece.data), start, end))


class ShardRoom:
    """Where the shard that is looked at lies: the next one takes its place."""

    def __init__(self, pieces: Pieces) -> None:
        shape = (max(pieces.layout.sizes), pieces.fields)
        self._pieces = pieces
        self._indices, self._values = np.zeros(shape, np.int32), np.zeros(shape, np.float32)

    def load(self, shard: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """(rows, fields) indices and values. Raises SpoolFailed."""
        pieces, rows = self._pieces, self._pieces.layout.sizes[shard]
        indices, values = self._indices[:rows], self._values[:rows]

        def put(stored: Stored) -> None:
            fields = slice(stored.start, stored.end)
            place(pieces.spool.get(stored.record), indices[:, fields], values[:, fields])

        for _ in map_in_order(put, pieces.of_shard[shard]):
            pass
        return indices, values


class ShardsOnDisk:
    """Implements algorithms.base.Shards: some consecutive shards of a layout."""

    def __init__(self, pieces: Pieces, room: ShardRoom, shards: range, labels: Labels) -> None:
        """`labels` of all rows of the layout."""
        bounds = pieces.layout.bounds
        self._room, self._shards = room, shards
        self._starts = (bounds[shards.start : shards.stop] - bounds[shards.start]).tolist()
        self.sizes = pieces.layout.sizes[shards.start : shards.stop]
        self.labels = labels[bounds[shards.start] : bounds[shards.stop]]
        self.fields = pieces.fields

    def load(self, at: int) -> Batch:
        """Overwrites what was loaded before. Raises SpoolFailed."""
        indices, values = self._room.load(self._shards[at])
        start = self._starts[at]
        return Batch(indices, values, self.labels[start : start + self.sizes[at]])


class OutOfCore:
    """Implements encoded_rows.EncodeRows."""

    def __init__(self, opened: Opened, split: Split, spools: SpoolFolder, shard_rows: int) -> None:
        self._opened, self._split, self._spools = opened, split, spools
        middle = split.training + split.validation
        parts = (split.training, split.validation, opened.alignment.size - middle)
        self._layout = Layout.of(parts, shard_rows)
        self._ends = np.searchsorted(self._layout.bounds, (split.training, middle)).tolist()

    def __call__(
        self, fields: Sequence[Field], crosses: Sequence[Cross], vocabulary: Vocabulary, *, last: bool
    ) -> Generator[Step, None, EncodedRows]:
        """See EncodeRows. Tells how many columns are known, then how many blocks are on disk."""
        columns, training = self._opened.columns(fields), slice(self._split.training)
        fitting = FeatureEncoder.fitting(fields, columns, training, vocabulary, crosses)
        encoder = yield from _told("read columns for the disk", len(fields) + len(crosses), fitting)
        pieces = yield from spread(self._opened, encoder, self._layout, self._spools)
        if last:
            self._opened.release()
        room, (first, second), labels = ShardRoom(pieces), self._ends, self._split.labels
        learn = ShardsOnDisk(pieces, room, range(first), labels)
        decide = ShardsOnDisk(pieces, room, range(first, second), labels) if second > first else None
        held = ShardsOnDisk(pieces, room, range(second, len(self._layout.sizes)), labels)
        return EncodedRows(encoder, learn, held, decide, pieces.spool.close)


def _told(
    stage: str, total: int, work: Generator[int, None, FeatureEncoder]
) -> Generator[Step, None, FeatureEncoder]:
    while True:
        try:
            done = next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield Step(stage=stage, done=done, total=total)


def spread(
    opened: Opened, encoder: FeatureEncoder, layout: Layout, spools: SpoolFolder
) -> Generator[Step, None, Pieces]:
    """Put the encoded rows of all parties on disk. Raises DatasetCorrupt (with `blame`), SpoolFailed."""
    pieces = Pieces(layout, len(encoder.fields), spools.spool(), [[] for _ in layout.sizes])
    parts = [part for part in encoder.parts if part[0] != CROSSED]
    total = sum(len(opened.sources[party].manifest.blocks) for party, _, _ in parts) + len(encoder.crosses)
    done = 0
    for party, start, end in parts:
        reader = PartReader(opened.sources[party], encoder.part(start, end), opened.positions(party))
        with blaming(party):
            for found in map_in_order(partial(reader.pieces, layout), reader.blocks):
                pieces.put(found, start, end)
                done += 1
                yield Step(stage="spool to disk", done=done, total=total)
    for at in (at for at, (party, _) in enumerate(encoder.fields) if party == CROSSED):
        _spread_cross(opened, encoder, at, pieces)
        done += 1
        yield Step(stage="spool to disk", done=done, total=total)
    return pieces


def _spread_cross(opened: Opened, encoder: FeatureEncoder, at: int, pieces: Pieces) -> None:
    """A cross belongs to no party's blocks: it is made of whole columns, and cut in the joined order."""
    part, (owner, name) = encoder.part(at, at + 1), encoder.fields[at]
    of = {field for cross in encoder.crosses if cross.name == name for field in cross.of}
    fields = [(party, Feature(name=column, kind=Kind.CATEGORICAL)) for party, column in sorted(of)]
    codes = encoder.crossed(opened.columns(fields))[owner, name]
    standing = np.arange(len(codes), dtype=np.int32)
    for rows in slices(len(codes), limits.PIECE_BYTES // _ENCODED_BYTES):
        some = part.encode({name: codes[rows]}, rows.stop - rows.start)
        for piece in cut(some, standing[rows], pieces.layout):
            stored = Stored(pieces.spool.put(PURPOSE, piece.data), at, at + 1)
            pieces.of_shard[piece.shard].append(stored)


class PartReader:
    """Some fields of one party, encoded block by block."""

    def __init__(self, source: BlockColumns, part: PartEncoder, standing: Positions) -> None:
        """`standing`: where each of the party's rows stands among the joined ones (spreading.positions)."""
        self._source, self._part, self._standing = source, part, standing
        rows = [entry.rows for entry in source.manifest.blocks]
        self._starts = np.cumsum([0, *rows]).tolist()
        self.blocks = range(len(rows))

    def read(self, index: int) -> Iterator[tuple[Positions, Filled]]:
        """One block in stretches of some rows: (where they stand, their encoded fields)."""
        names, start = self._part.names, self._starts[index]
        batch = self._source.batch(index, names)
        columns = {name: batch.column(name).to_numpy() for name in names}
        for rows in slices(batch.num_rows, max(1, limits.PIECE_BYTES // (_ENCODED_BYTES * len(names)))):
            some = {name: values[rows] for name, values in columns.items()}
            standing = self._standing[start + rows.start : start + rows.stop]
            yield standing, self._part.encode(some, len(standing))

    def pieces(self, layout: Layout, index: int) -> list[Piece]:
        """One block, cut by the shards in which its rows stand."""
        return [piece for standing, filled in self.read(index) for piece in cut(filled, standing, layout)]
