"""Starting a training from the numbers of a model: what it knows is carried over, the rest starts anew.

The optimiser's sums are not in a model: they start where they always do, so that the first steps are as long
as those of a fresh training.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Floats, WarmStart
from confide.core.errors import ModelNotUsable

PER_FEATURE: Final = ("embeddings", "linear")
"""The arrays with a row per feature; all others are carried over whole."""
_PIECE_ROWS: Final = 1 << 16


def apply(start: WarmStart, target: Mapping[str, Floats]) -> None:
    """Write the model's numbers over fresh ones; `target` holds the network's own arrays, by name.

    Raises ModelNotUsable: other arrays, sizes or types, numbers that are not finite, or places outside.
    """
    if set(start.arrays) != set(target):
        raise ModelNotUsable("the model to start from was trained by another algorithm")
    for name, array in target.items():
        _check(name, start.arrays[name], array)
    for name, array in target.items():
        if name in PER_FEATURE:
            _carry(start.arrays[name], start.places, array)
        else:
            array[...] = start.arrays[name]


def _check(name: str, before: Floats, now: Floats) -> None:
    shapes = (before.shape[1:], now.shape[1:]) if name in PER_FEATURE else (before.shape, now.shape)
    if before.ndim != now.ndim or shapes[0] != shapes[1] or before.dtype != now.dtype:
        raise ModelNotUsable(
            f"the model to start from has {name!r} of {before.shape} {before.dtype}, which does not fit "
            f"{now.shape} {now.dtype}: embeddings, layers, precision and number of fields must be the same"
        )
    if not np.isfinite(before).all():
        raise ModelNotUsable(f"the model to start from has numbers in {name!r} that are not finite")


def _carry(before: Floats, places: npt.NDArray[np.int64], now: Floats) -> None:
    if places.shape != now.shape[:1] or (
        places.size and not -1 <= places.min() <= places.max() < len(before)
    ):
        raise ModelNotUsable("the model to start from has fewer features than its encoding says")
    for first in range(0, len(now), _PIECE_ROWS):
        piece = places[first : first + _PIECE_ROWS]
        known = np.flatnonzero(piece >= 0)
        now[first + known] = before[piece[known]]
