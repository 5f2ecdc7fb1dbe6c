"""Where equal 64-bit keys stand: the first row of each, and its place at another party.

The compiled library does it (native/join.c): both sides are cut into parts by their keys, and each part is
looked up in a table that stays in a core's cache. Keys that do not spread (chosen so by somebody), and
installations without the library, are sorted by NumPy: slower, never wrong.
"""

import ctypes
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from confide.data.ordered_pool import map_in_order, workers
from confide.data.shared_library import load

Rows = npt.NDArray[np.int64]
NOWHERE: Final = -1
_PART_ROWS: Final = 4096
"""Of a side, about so many go into one part; in very long ones more, since there are at most 2^_MOST_BITS."""
_MOST_BITS: Final = 12
_PATIENCE: Final = 16
"""Steps beyond the first that a key may take on average to its slot; keys that spread take less than one."""
_MAX_ROWS: Final = (1 << 32) - 2
"""Rows are counted in 32 bits inside the parts."""


def firsts(keys: Rows) -> Rows:
    """(rows,): the first row that holds the same key."""
    side = _side(keys, keys.size)
    found = None if side is None else _firsts(side)
    return firsts_in_numpy(keys) if found is None else found


def match(wanted: Rows, keys: Rows) -> Rows:
    """(wanted rows,): the first row of `keys` that holds the same key, or NOWHERE."""
    size = max(wanted.size, keys.size)
    sides = list(map_in_order(lambda side: _side(side, size), (wanted, keys)))
    found = None
    if sides[0] is not None and sides[1] is not None:
        found = _match(sides[0], sides[1])
    return match_in_numpy(wanted, keys) if found is None else found


def firsts_in_numpy(keys: Rows) -> Rows:
    """See `firsts`."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    new = np.ones(ordered.size, np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    found = np.empty(keys.size, np.int64)
    found[order] = order[new][np.cumsum(new) - 1]
    return found


def match_in_numpy(wanted: Rows, keys: Rows) -> Rows:
    """See `match`."""
    if not keys.size:
        return np.full(wanted.size, NOWHERE)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    at = np.minimum(np.searchsorted(ordered, wanted), keys.size - 1)
    return np.where(ordered[at] == wanted, order[at], NOWHERE)


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Keys in parts."""

    keys: npt.NDArray[np.uint64]
    """Mixed: equal exactly where keys are."""
    rows: npt.NDArray[np.uint32]
    bounds: Rows

    @property
    def parts(self) -> int:
        return self.bounds.size - 1

    @property
    def longest(self) -> int:
        return int(np.diff(self.bounds).max())

    @property
    def addresses(self) -> tuple[int, int, int]:
        return self.keys.ctypes.data, self.rows.ctypes.data, self.bounds.ctypes.data


def _side(keys: Rows, size: int) -> _Side | None:
    """As many parts as for `size` rows. None: there is no library, or nothing to look up."""
    core = _library()
    if core is None or not 0 < keys.size <= _MAX_ROWS:
        return None
    bits = min(max(1, (size // _PART_ROWS).bit_length()), _MOST_BITS)
    plain = np.ascontiguousarray(keys, np.int64)
    side = _Side(
        np.empty(keys.size, np.uint64), np.empty(keys.size, np.uint32), np.empty((1 << bits) + 1, np.int64)
    )
    ends = np.empty(1 << bits, np.int64)
    core.confide_part(plain.ctypes.data, keys.size, bits, *side.addresses, ends.ctypes.data)
    return side


def _firsts(side: _Side) -> Rows | None:
    found = np.empty(side.keys.size, np.int64)
    patience = _PATIENCE * side.keys.size
    return _in_parts("confide_firsts", side, side.addresses, patience, found)


def _match(wanted: _Side, side: _Side) -> Rows | None:
    found = np.empty(wanted.keys.size, np.int64)
    patience = _PATIENCE * (wanted.keys.size + side.keys.size)
    return _in_parts("confide_match", side, (*wanted.addresses, *side.addresses), patience, found)


def _in_parts(name: str, side: _Side, sides: tuple[int, ...], patience: int, found: Rows) -> Rows | None:
    """Some parts in each thread. None: keys do not spread."""
    call: Callable[..., int] = getattr(_library(), name)
    bounds = np.linspace(0, side.parts, workers() + 1).astype(int).tolist()

    def work(at: int) -> int:
        slots = np.empty(4 * side.longest + 2, np.uint32)
        return call(*sides, bounds[at], bounds[at + 1], slots.ctypes.data, patience, found.ctypes.data)

    return None if any(list(map_in_order(work, range(workers())))) else found


@functools.cache
def _library() -> ctypes.CDLL | None:
    core = load(Path(__file__).parents[1], "_hash")
    if core is None:
        return None
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    side: tuple[Any, ...] = (pointer, pointer, pointer)
    core.confide_part.argtypes = (pointer, number, ctypes.c_int, *side, pointer)
    core.confide_part.restype = None
    core.confide_firsts.argtypes = (*side, number, number, pointer, number, pointer)
    core.confide_match.argtypes = (*side, *side, number, number, pointer, number, pointer)
    return core
