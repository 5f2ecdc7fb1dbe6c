"""From a party's rows in its own order to shards of the joined rows: encoded pieces, put together again.

A piece holds what one stretch of a party's rows contributes to one shard: for each row its place in the
shard, and its encoded fields. Pieces are made and read by the same enclave; between, they are sealed.

    piece = rows u32 | fields u32 | zstd of: places (rows) int32, indices (rows, fields) int32, values float32

Integers are little-endian.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.data.columns import Rows
from confide.data.filling import Filled

Positions = npt.NDArray[np.int32]
_HEADER: Final = struct.Struct("<II")
_CODEC: Final = "zstd"
_NUMBER_BYTES: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The joined rows in shards: shard k holds the rows bounds[k] to bounds[k + 1]."""

    bounds: npt.NDArray[np.int64]

    @classmethod
    def of(cls, parts: tuple[int, ...], shard_rows: int) -> Self:
        """The rows of each part (training, held out) follow one another, and share no shard."""
        bounds, start = [0], 0
        for rows in parts:
            bounds += [
                min(start + at, start + rows) for at in range(shard_rows, rows + shard_rows, shard_rows)
            ]
            start += rows
        return cls(np.asarray(bounds, np.int64))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows of each shard."""
        return tuple(np.diff(self.bounds).tolist())


def positions(chosen: Rows, count: int) -> Positions:
    """For each of a party's `count` rows: where it stands among the joined ones, or -1."""
    found = np.full(count, -1, np.int32)
    found[chosen] = np.arange(len(chosen), dtype=np.int32)
    return found


class Piece(NamedTuple):
    """Rows of one shard."""

    shard: int
    data: bytes


def cut(filled: Filled, standing: Positions, layout: Layout) -> Iterator[Piece]:
    """Encoded rows, shard by shard; `standing` says for each row where it stands (-1: it has not joined)."""
    indices, values = filled
    joined = np.flatnonzero(standing >= 0)
    shard_of = np.searchsorted(layout.bounds, standing[joined], side="right") - 1
    order = np.argsort(shard_of, kind="stable")
    joined, shard_of = joined[order], shard_of[order]
    starts = np.flatnonzero(np.diff(shard_of, prepend=-1))
    for rows in np.split(np.arange(len(joined)), starts[1:]) if len(joined) else []:
        shard, chosen = int(shard_of[rows[0]]), joined[rows]
        places = (standing[chosen] - layout.bounds[shard]).astype(np.int32)
        yield Piece(shard, _packed(places, indices[chosen], values[chosen]))


def _packed(places: Positions, indices: npt.NDArray[np.int32], values: npt.NDArray[np.float32]) -> bytes:
    plain = b"".join((places.tobytes(), indices.tobytes(), values.tobytes()))
    packed: bytes = pa.compress(plain, codec=_CODEC, asbytes=True)
    return _HEADER.pack(*indices.shape) + packed


def place(piece: bytes, indices: npt.NDArray[np.int32], values: npt.NDArray[np.float32]) -> int:
    """Put a piece into the arrays (shard rows, the piece's fields) of its shard. Returns its row count."""
    rows, fields = _HEADER.unpack_from(piece)
    size = _NUMBER_BYTES * rows * (1 + 2 * fields)
    packed: Any = memoryview(piece)[_HEADER.size :]
    plain: bytes = pa.decompress(packed, decompressed_size=size, codec=_CODEC, asbytes=True)
    places = np.frombuffer(plain, np.int32, rows)
    at = _NUMBER_BYTES * rows
    indices[places] = np.frombuffer(plain, np.int32, rows * fields, at).reshape(rows, fields)
    at += _NUMBER_BYTES * rows * fields
    values[places] = np.frombuffer(plain, np.float32, rows * fields, at).reshape(rows, fields)
    return int(rows)
