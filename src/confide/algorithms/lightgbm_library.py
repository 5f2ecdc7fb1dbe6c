"""LightGBM's shared library, by its C API (https://lightgbm.readthedocs.io/en/stable/C-API.html).

The Python around it is not imported: it would bring SciPy, and whatever else of its optional companions is
installed, into the enclave (docs/adr/0032-trees-by-lightgbm.md). Rows are pushed piece by piece, so that only
one piece is in memory as numbers; what the library keeps of a row is a byte per field.
"""

import ctypes
import functools
import os
import weakref
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Floats
from confide.core.errors import WorkFailed

_FLOAT32: Final = 0
_ZERO: Final = 1e-35
"""kZeroThreshold: sampled numbers nearer to zero are not told, they count as zero."""
_BUFFER_BYTES: Final = 1 << 20
_SPINS: Final = "1000"
"""A moment: as fast as any more where cores are free, and bearable where they are shared (docs/adr/0056)."""
_SILENT: Final = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda _: None)
"""LightGBM would tell its warnings on standard output, which belongs to the enclave's status lines."""


@functools.cache
def library() -> ctypes.CDLL:
    """Raises WorkFailed where LightGBM is not installed, or can't be loaded."""
    found = find_spec("lightgbm")
    for place in () if found is None else found.submodule_search_locations or ():
        file = Path(place) / "lib" / "lib_lightgbm.so"
        if file.is_file():
            return _declared(file)
    raise WorkFailed("LightGBM is not installed: gbdt can't be trained here")


def _declared(file: Path) -> ctypes.CDLL:
    # Read once, when libgomp is loaded. Threads wait for each other hundreds of times per tree: to sleep at
    # once costs a third of the speed, never to sleep keeps others from their work.
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    try:
        core = ctypes.CDLL(str(file))
    except OSError as cause:  # most likely libgomp.so.1, which the wheel leaves to the system
        raise WorkFailed(f"LightGBM can't be loaded: {cause}") from None
    core.LGBM_GetLastError.restype = ctypes.c_char_p
    core.LGBM_RegisterLogCallback(_SILENT)
    return core


class Rows:
    """A LightGBM dataset: rows as bins."""

    def __init__(self, sample: Floats, count: int, parameters: Mapping[str, Any]) -> None:
        """`sample` (n, F) of the training rows decides where the bins end; `count` rows will be pushed."""
        self._pushed, self._core = 0, library()
        self.handle = ctypes.c_void_p()
        columns = [np.ascontiguousarray(column, np.float64) for column in sample.T]
        places = [np.flatnonzero(np.abs(column) > _ZERO).astype(np.int32) for column in columns]
        numbers = [column[place] for column, place in zip(columns, places, strict=True)]
        sizes = np.array([len(place) for place in places], np.int32)
        _call(
            self._core.LGBM_DatasetCreateFromSampledColumn,
            _pointers(numbers, ctypes.c_double),
            _pointers(places, ctypes.c_int32),
            ctypes.c_int32(len(columns)),
            sizes.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            ctypes.c_int32(len(sample)),
            ctypes.c_int32(count),
            ctypes.c_int64(count),
            _text(parameters),
            ctypes.byref(self.handle),
        )
        weakref.finalize(self, self._core.LGBM_DatasetFree, self.handle)

    @classmethod
    def like(cls, other: "Rows", count: int) -> "Rows":
        """Other rows in the same bins: held-out ones."""
        self = cls.__new__(cls)
        self._pushed, self._core, self.handle = 0, library(), ctypes.c_void_p()
        _call(
            self._core.LGBM_DatasetCreateByReference,
            other.handle,
            ctypes.c_int64(count),
            ctypes.byref(self.handle),
        )
        weakref.finalize(self, self._core.LGBM_DatasetFree, self.handle)
        return self

    def push(self, numbers: Floats) -> None:
        """The next rows, (n, F) float32."""
        plain = np.ascontiguousarray(numbers, np.float32)
        rows, fields = plain.shape
        _call(
            self._core.LGBM_DatasetPushRows,
            self.handle,
            plain.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int(_FLOAT32),
            ctypes.c_int32(rows),
            ctypes.c_int32(fields),
            ctypes.c_int32(self._pushed),
        )
        self._pushed += rows

    def label(self, labels: Floats) -> None:
        """(count,), once all rows are pushed."""
        plain = np.ascontiguousarray(labels, np.float32)
        _call(
            self._core.LGBM_DatasetSetField,
            self.handle,
            ctypes.c_char_p(b"label"),
            plain.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int(len(plain)),
            ctypes.c_int(_FLOAT32),
        )


class Booster:
    """Trees in the making."""

    def __init__(self, rows: Rows, held: Rows | None, parameters: Mapping[str, Any]) -> None:
        self._core, self.handle = library(), ctypes.c_void_p()
        self._rows = (rows, held)  # the library reads them as long as it learns
        _call(self._core.LGBM_BoosterCreate, rows.handle, _text(parameters), ctypes.byref(self.handle))
        weakref.finalize(self, self._core.LGBM_BoosterFree, self.handle)
        if held is not None:
            _call(self._core.LGBM_BoosterAddValidData, self.handle, held.handle)

    def grow(self) -> bool:
        """One more tree. False: no split is worth it, and none was added."""
        finished = ctypes.c_int()
        _call(self._core.LGBM_BoosterUpdateOneIter, self.handle, ctypes.byref(finished))
        return not finished.value

    def predictions(self, *, held: bool) -> npt.NDArray[np.float64]:
        """(n,) of the training or the held-out rows, as they are told: probabilities, or labels."""
        count = ctypes.c_int64()
        at = ctypes.c_int(int(held))
        _call(self._core.LGBM_BoosterGetNumPredict, self.handle, at, ctypes.byref(count))
        result = np.empty(count.value)
        target = result.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        _call(self._core.LGBM_BoosterGetPredict, self.handle, at, ctypes.byref(count), target)
        return result

    def text(self, trees: int) -> str:
        """The first trees, in LightGBM's own text."""
        size, needed = _BUFFER_BYTES, ctypes.c_int64()
        while True:
            buffer = ctypes.create_string_buffer(size)
            _call(
                self._core.LGBM_BoosterSaveModelToString,
                self.handle,
                ctypes.c_int(0),
                ctypes.c_int(trees),
                ctypes.c_int(0),
                ctypes.c_int64(size),
                ctypes.byref(needed),
                buffer,
            )
            if needed.value <= size:
                return buffer.value.decode()
            size = needed.value


def _call(function: Any, *arguments: Any) -> None:
    if function(*arguments):
        problem = library().LGBM_GetLastError().decode(errors="replace")
        raise WorkFailed(f"LightGBM: {problem}")


def _text(parameters: Mapping[str, Any]) -> ctypes.c_char_p:
    words = (f"{name}={str(value).lower()}" for name, value in parameters.items())
    return ctypes.c_char_p(" ".join(words).encode())


def _pointers(arrays: Sequence[npt.NDArray[Any]], kind: Any) -> Any:
    pointer = ctypes.POINTER(kind)
    return (pointer * len(arrays))(*(array.ctypes.data_as(pointer) for array in arrays))
