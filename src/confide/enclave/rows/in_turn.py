"""Encoded rows that are learned block by block, in the agreed order, so that the first pass need not wait.

A shard is what some consecutive blocks hold of the training rows. The shards, the order of the first pass and
all draws follow from what was agreed: a training that began before the last block had come, one that began
afterwards, and one out of core end with the same model, to the bit.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Batch, Floats, Shards, Whole
from confide.core import limits
from confide.core.features import Cross
from confide.data.columns import Field
from confide.data.encoding import FeatureEncoder
from confide.data.ordered_pool import map_in_order
from confide.data.spreading import Layout
from confide.data.vocabulary import Vocabulary
from confide.enclave.rows.blaming import blaming
from confide.enclave.rows.encoded_rows import EncodedRows, Split
from confide.enclave.rows.opened import Opened
from confide.enclave.rows.out_of_core import PartReader, Pieces, ShardRoom, ShardsOnDisk
from confide.enclave.storage.spool import SpoolFolder
from confide.enclave.work import Step

_GROUP_FIELDS: Final = 8
"""One thread encodes so many at a time."""
IntArray = npt.NDArray[np.int64]


def turns(training: IntArray, starts: Sequence[int], least: int) -> tuple[list[int], list[int]]:
    """(for each shard: the block after its last one; where its training rows begin and end, len + 1).

    `training`: the training rows, ascending; `starts`: the first row of each block, and the end. A shard has
    `least` training rows or more, unless all together have fewer.
    """
    before = np.searchsorted(training, starts).tolist()
    ends, bounds = list[int](), [0]
    for block, rows in enumerate(before):
        if rows - bounds[-1] >= least:
            ends.append(block)
            bounds.append(rows)
    if not ends:
        ends, bounds = [0], [0, 0]
    ends[-1], bounds[-1] = len(before) - 1, before[-1]
    return ends, bounds


class _Keep(Protocol):
    """Where encoded rows are kept."""

    def put(self, block: int, start: int, end: int, reader: PartReader) -> Callable[[], None]:
        """The fields `start` to `end` of a block. What it returns is called in one thread."""
        ...


class _InMemory:
    def __init__(self, rows: int, fields: int, labels: Floats) -> None:
        indices, values = np.empty((rows, fields), np.int32), np.empty((rows, fields), np.float32)
        self.rows = Batch(indices, values, labels)

    def put(self, block: int, start: int, end: int, reader: PartReader) -> Callable[[], None]:
        for standing, (indices, values) in reader.read(block):
            self.rows.indices[standing, start:end] = indices
            self.rows.values[standing, start:end] = values
        return lambda: None


class _OnDisk:
    def __init__(self, pieces: Pieces) -> None:
        self.pieces = pieces

    def put(self, block: int, start: int, end: int, reader: PartReader) -> Callable[[], None]:
        found = reader.pieces(self.pieces.layout, block)
        return lambda: self.pieces.put(found, start, end)


class _Parted:
    """Implements algorithms.base.Shards: rows in memory."""

    def __init__(self, rows: Batch, bounds: Sequence[int]) -> None:
        self.labels, self.fields = rows.labels[: bounds[-1]], int(rows.indices.shape[1])
        self.sizes = tuple(np.diff(bounds).tolist())
        self._batches = [rows.rows(slice(*pair)) for pair in pairwise(bounds)]

    def load(self, at: int) -> Batch:
        """Always the same arrays."""
        return self._batches[at]


class BlocksInTurn:
    """Implements algorithms.base.InTurn: shards, each filled from its blocks when it is loaded first."""

    def __init__(
        self, shards: Shards, ends: Sequence[int], opened: Opened, fill: Callable[[int], None]
    ) -> None:
        """`ends`: of each shard, the block after its last one. `fill` encodes a block."""
        self._shards, self._ends, self._arriving, self._fill = shards, ends, opened.arriving, fill
        self.sizes, self.labels, self.fields = shards.sizes, shards.labels, shards.fields
        self.filled = 0
        """So many blocks have been encoded."""

    @property
    def unchecked(self) -> bool:
        """Whether it is not known yet that every party has kept to what was agreed."""
        return self._arriving is not None and not self._arriving.checked

    @property
    def blocks(self) -> int:
        """How many there are."""
        return self._ends[-1]

    def first_labels(self) -> Floats:
        """See InTurn."""
        return self.load(0).labels

    def ready(self, at: int) -> bool:
        """See InTurn."""
        return self._arriving is None or self._arriving.ready(self._ends[at])

    def load(self, at: int) -> Batch:
        """See Shards. Raises OrderMismatch, DatasetCorrupt (with `blame`), SpoolFailed."""
        while self.filled < self._ends[at]:
            if self._arriving is not None:
                self._arriving.take(self.filled)
            self._fill(self.filled)
            self.filled += 1
        return self._shards.load(at)


class InTurnRows:
    """Implements encoded_rows.EncodeRows, for vocabularies and transforms that look at no row."""

    def __init__(
        self, opened: Opened, split: Split, spools: SpoolFolder | None, shard_rows: int | None
    ) -> None:
        """Out of core, rows that are not trained on are read `shard_rows` at a time."""
        self._opened, self._split = opened, split
        self._spools, self._shard_rows = spools, shard_rows

    def __call__(
        self, fields: Sequence[Field], crosses: Sequence[Cross], vocabulary: Vocabulary, *, last: bool
    ) -> Generator[Step, None, EncodedRows]:
        """See EncodeRows. Tells nothing on the way. Raises ValueError: crosses belong to no party's block."""
        if crosses:
            raise ValueError("columns of several parties are not crossed block by block")
        encoder = FeatureEncoder.fit(fields, self._opened.columns(fields), slice(0), vocabulary)
        source = self._opened.sources[fields[0][0]]
        starts = np.cumsum([0, *(entry.rows for entry in source.manifest.blocks)]).tolist()
        rows = self._opened.alignment.rows[fields[0][0]]
        ends, bounds = turns(rows[: self._split.training], starts, limits.TURN_ROWS)
        if self._spools is None or self._shard_rows is None:
            return self._in_memory(encoder, ends, bounds, last=last)
        return self._on_disk(encoder, ends, bounds, last=last)
        yield  # a generator like its siblings

    def _in_memory(
        self, encoder: FeatureEncoder, ends: list[int], bounds: list[int], *, last: bool
    ) -> EncodedRows:
        split, middle = self._split, self._split.training + self._split.validation
        keep = _InMemory(self._opened.alignment.size, len(encoder.fields), split.labels)
        learn = self._in_turn(_Parted(keep.rows, bounds), ends, encoder, keep, last=last)
        held = Whole(keep.rows.rows(slice(middle, None)))
        decide = Whole(keep.rows.rows(slice(split.training, middle))) if split.validation else None
        return EncodedRows(encoder, learn, held, decide)

    def _on_disk(
        self, encoder: FeatureEncoder, ends: list[int], bounds: list[int], *, last: bool
    ) -> EncodedRows:
        split, spools, shard_rows = self._split, self._spools, self._shard_rows
        if spools is None or shard_rows is None:
            raise ValueError("there is no disk to put rows on")
        count, size = len(ends), self._opened.alignment.size
        rest = Layout.of((split.validation, size - split.training - split.validation), shard_rows)
        layout = Layout(np.concatenate((np.asarray(bounds[:-1], np.int64), rest.bounds + split.training)))
        second = count + -(-split.validation // shard_rows)
        pieces = Pieces(layout, len(encoder.fields), spools.spool(), [[] for _ in layout.sizes])
        room = ShardRoom(pieces)
        parts = [
            ShardsOnDisk(pieces, room, shards, split.labels)
            for shards in (range(count), range(count, second), range(second, len(layout.sizes)))
        ]
        learn = self._in_turn(parts[0], ends, encoder, _OnDisk(pieces), last=last)
        return EncodedRows(
            encoder, learn, parts[2], parts[1] if split.validation else None, pieces.spool.close
        )

    def _in_turn(
        self, shards: Shards, ends: list[int], encoder: FeatureEncoder, keep: _Keep, *, last: bool
    ) -> BlocksInTurn:
        readers = list(self._readers(encoder))
        total = ends[-1]

        def fill(block: int) -> None:
            for put in map_in_order(lambda part: self._encode(block, part, keep), readers):
                put()
            if last and block == total - 1:
                self._opened.release()

        return BlocksInTurn(shards, ends, self._opened, fill)

    @staticmethod
    def _encode(block: int, part: tuple[str, int, int, PartReader], keep: _Keep) -> Callable[[], None]:
        party, start, end, reader = part
        with blaming(party):
            return keep.put(block, start, end, reader)

    def _readers(self, encoder: FeatureEncoder) -> Iterator[tuple[str, int, int, PartReader]]:
        for party, start, end in encoder.parts:
            standing, source = self._opened.positions(party), self._opened.sources[party]
            for first in range(start, end, _GROUP_FIELDS):
                stop = min(first + _GROUP_FIELDS, end)
                yield party, first, stop, PartReader(source, encoder.part(first, stop), standing)
