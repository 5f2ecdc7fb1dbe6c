"""native/embeddings.c: embeddings gathered, their pairs, and their update."""

import ctypes
from concurrent.futures import Executor
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Floats, Integers, check_encoded
from confide.algorithms.engine import library
from confide.algorithms.engine.library import address

PLACE_BYTES: Final = 4 * 4
"""Of a place of a batch: its index, and the three numbers of its chain."""
FEATURE_BYTES: Final = 4
_PLACES: Final = 1 << 32


class UpdateStruct(ctypes.Structure):
    """struct confide_update of native/embeddings.c."""

    _fields_ = (
        ("records", ctypes.c_void_p),
        ("squares", ctypes.c_void_p),
        ("indices", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("embedded_slopes", ctypes.c_void_p),
        ("slopes", ctypes.c_void_p),
        ("first", ctypes.c_void_p),
        ("last", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("following", ctypes.c_void_p),
        ("places", ctypes.c_int64),
        ("fields", ctypes.c_int32),
        ("size", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("rate", ctypes.c_float),
    )


def can(dtype: npt.DTypeLike) -> bool:
    """Whether the library is installed, and does numbers of this kind."""
    return np.dtype(dtype) == np.float32 and library.library() is not None


def embed(
    records: Floats, indices: Integers, values: Floats, *, size: int, target: Floats
) -> tuple[Floats, Floats]:
    """Of rows (n, F): their embeddings times their values, written to `target` (n, F * K).

    Returns the sums over the fields (n, K), and linear part and pairs (n,): (n, 0) and zeros where records
    hold embeddings alone. Raises SchemaMismatch: the core follows every
    index, so none may lie outside of the records.
    """
    check_encoded(indices, values, fields=None, feature_count=len(records))
    rows, fields = indices.shape
    factors = records.shape[1] > size
    sums, added = np.empty((rows, size if factors else 0), np.float32), np.zeros(rows, np.float32)
    plain = np.ascontiguousarray(indices, np.int32), np.ascontiguousarray(values, np.float32)
    library.call(
        "confide_embed",
        *map(_pointer, (records, *plain)),
        ctypes.c_int64(rows),
        ctypes.c_int32(fields),
        ctypes.c_int32(size),
        *map(_pointer, (target, sums if factors else None, added)),
    )
    return sums, added


def add_pair_slopes(embedded: Floats, sums: Floats, slopes: Floats, target: Floats) -> None:
    """The pairs' part of the slopes of embedded rows (n, F * K), added to `target`, of that shape."""
    rows, size = sums.shape
    library.call(
        "confide_add_pair_slopes",
        *map(_pointer, (embedded, sums, slopes)),
        ctypes.c_int64(rows),
        ctypes.c_int32(embedded.shape[1] // max(size, 1)),
        ctypes.c_int32(size),
        _pointer(target),
    )


class RecordsAdagrad:
    """deep_embeddings.RecordsAdagrad, each feature by one of several threads."""

    def __init__(self, records: Floats, *, size: int, rate: float, start: float, threads: int) -> None:
        self._records, self._size = records, size
        self._squares = np.full_like(records, start)
        self._first = np.zeros(len(records), np.uint32)
        self._chains = np.zeros((3, 0), np.uint32)
        self._rate, self._threads = rate, threads

    def update(
        self, indices: Integers, values: Floats, embedded_slopes: Floats, slopes: Floats, pool: Executor
    ) -> None:
        """As deep_embeddings.Update has it; of `indices` int32 that `embed` has checked."""
        places = indices.size
        if places >= _PLACES:
            raise ValueError("too many places in a batch")
        if self._chains.shape[1] < places:
            self._chains = np.zeros((3, places), np.uint32)
        given = UpdateStruct(
            records=address(self._records),
            squares=address(self._squares),
            indices=address(indices),
            values=address(values),
            embedded_slopes=address(embedded_slopes),
            slopes=address(slopes) if self._records.shape[1] > self._size else None,
            first=address(self._first),
            places=places,
            fields=indices.shape[1],
            size=self._size,
            threads=self._threads,
            rate=self._rate,
        )
        given.last, given.next, given.following = map(address, self._chains)

        def work(thread: int) -> None:
            library.call("confide_update_records", ctypes.byref(given), ctypes.c_int32(thread))

        list(pool.map(work, range(self._threads)))


def _pointer(array: npt.NDArray[Any] | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(address(array))
