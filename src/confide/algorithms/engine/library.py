"""The shared library: its structures, its functions, and which instruction sets it can use here.

Nothing here looks at sizes or indices: network.py has checked them before it calls.
"""

import ctypes
import functools
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path as FilePath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from confide.core.errors import WorkFailed


class Path(IntEnum):
    """An instruction set, from the one every processor has to the fastest. Numbers as in native/kernel.h."""

    PORTABLE = 0
    AVX2 = 1
    AVX512 = 2
    AVX512_BF16 = 3
    """The attention layer in bfloat16 with float32 sums."""
    AMX = 4
    """The attention layer in tiles, numbers split so that the result is as good as float32's."""


class Kind(IntEnum):
    """What is added to the linear part. Numbers as in native/kernel.h."""

    LINEAR = 0
    FM = 1
    AFM = 2


class ModelStruct(ctypes.Structure):
    """struct confide_model of native/kernel.h."""

    _fields_ = (
        ("records", ctypes.c_void_p),
        ("linear", ctypes.c_void_p),
        ("dense", ctypes.c_void_p),
        ("dense_squares", ctypes.c_void_p),
        ("record_stride", ctypes.c_int64),
        ("linear_stride", ctypes.c_int64),
        ("kind", ctypes.c_int32),
        ("loss", ctypes.c_int32),
        ("fields", ctypes.c_int32),
        ("size", ctypes.c_int32),
        ("units", ctypes.c_int32),
        ("path", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("rate", ctypes.c_float),
        ("attention_l2", ctypes.c_float),
        ("dropout", ctypes.c_float),
    )


class RowsStruct(ctypes.Structure):
    """struct confide_rows of native/kernel.h."""

    _fields_ = (
        ("indices", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("labels", ctypes.c_void_p),
        ("order", ctypes.c_void_p),
        ("noise", ctypes.c_void_p),
        ("scratch", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("batch", ctypes.c_int64),
    )


LINEAR_RECORD: Final = np.dtype([("weight", "<f4"), ("squares", "<f4"), ("slot", "<u4")])
"""struct linear_record of native/kernel.h."""

_FAILURES: Final = {
    1: "the threads of the computation could not be started",
    2: "this processor lacks the instructions that were asked for",
}


@functools.cache
def library() -> ctypes.CDLL | None:
    """None where the installation has no compiled core."""
    for file in sorted(FilePath(__file__).parent.glob("_kernel*.so")):
        try:
            return _declared(ctypes.CDLL(str(file)))
        except OSError:  # built for another machine: the next, or the reference
            continue
    return None


@functools.cache
def paths() -> tuple[Path, ...]:
    """Those that this processor runs, the fastest last. None without the library."""
    core = library()
    return () if core is None else tuple(path for path in Path if core.confide_has_path(int(path)))


@functools.cache
def prefers_bfloat16() -> bool:
    """Whether to learn by Path.AVX512_BF16 pays on this processor. The same for every process on it."""
    core = library()
    return core is not None and bool(core.confide_prefers_bfloat16())


def call(name: str, *arguments: Any) -> None:
    """Call a function of the library; the interpreter's lock is released meanwhile. Raises WorkFailed."""
    core = library()
    if core is None:
        raise WorkFailed("the compiled core is not installed")
    function: Callable[..., int] = getattr(core, name)
    result = function(*arguments)
    if result:
        raise WorkFailed(_FAILURES[result])


def scratch_bytes(model: ModelStruct, rows: RowsStruct, *, learning: bool) -> int:
    """How much scratch memory a call needs."""
    core = library()
    return 0 if core is None else int(core.confide_scratch(ctypes.byref(model), ctypes.byref(rows), learning))


def address(array: npt.NDArray[Any] | None) -> int | None:
    """Of the first element; the caller keeps the array alive through the call."""
    return None if array is None else array.ctypes.data


def _declared(core: ctypes.CDLL) -> ctypes.CDLL:
    model, rows, pointer = ctypes.POINTER(ModelStruct), ctypes.POINTER(RowsStruct), ctypes.c_void_p
    core.confide_has_path.argtypes = (ctypes.c_int,)
    core.confide_scratch.argtypes = (model, rows, ctypes.c_int)
    core.confide_scratch.restype = ctypes.c_int64
    core.confide_score.argtypes = (model, rows, pointer)
    core.confide_learn.argtypes = (model, rows, ctypes.POINTER(ctypes.c_double))
    core.confide_gradient.argtypes = (model, rows, *3 * (pointer,), ctypes.POINTER(ctypes.c_double))
    return core
