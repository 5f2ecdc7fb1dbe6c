"""native/trees.c: what trees add up to for rows. The caller knows that every way down ends in a leaf."""

import ctypes
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from confide.algorithms.engine import library
from confide.algorithms.engine.library import address

NODE: Final = np.dtype([("field", "<i4"), ("threshold", "<f4"), ("left", "<i4"), ("right", "<i4")])
"""struct tree_node of native/trees.c."""
_MOST: Final = 1 << 31
Numbers = npt.NDArray[np.float32]
Sums = npt.NDArray[np.float64]


def scorer(
    roots: npt.NDArray[Any],
    nodes: tuple[npt.NDArray[Any], Numbers, npt.NDArray[Any], npt.NDArray[Any]],
    values: Sums,
) -> Callable[[Numbers], Sums] | None:
    """Of rows (n, F) to sums (n,), safe to use from several threads; `nodes` as the fields of NODE.

    None: the library is not installed, or there are more nodes than it counts.
    """
    if library.library() is None or max(len(nodes[0]), len(values)) >= _MOST:
        return None
    packed = np.empty(len(nodes[0]), NODE)
    for name, column in zip(packed.dtype.names or (), nodes, strict=True):
        packed[name] = column
    starts, leaves = roots.astype(np.int32), np.ascontiguousarray(values)

    def score(numbers: Numbers) -> Sums:
        plain = np.ascontiguousarray(numbers, np.float32)
        sums = np.zeros(len(plain))
        library.call(
            "confide_trees",
            *(ctypes.c_void_p(address(array)) for array in (packed, leaves, starts)),
            ctypes.c_int64(len(starts)),
            ctypes.c_void_p(address(plain)),
            *map(ctypes.c_int64, plain.shape),
            ctypes.c_void_p(address(sums)),
        )
        return sums

    return score
