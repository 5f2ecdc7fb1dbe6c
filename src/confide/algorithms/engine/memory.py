"""Large arrays on huge pages: at random access into gigabytes, small pages cost more than the arithmetic."""

import mmap
from typing import Any, Final

import numpy as np
import numpy.typing as npt

HUGE: Final = 1 << 21


def zeros(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """As np.zeros; freed with its last view."""
    wanted = np.dtype(dtype)
    count = int(np.prod(shape, dtype=np.int64))
    size = count * wanted.itemsize
    if size < HUGE:
        return np.zeros(shape, wanted)
    pages = mmap.mmap(-1, -(-size // HUGE) * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if advice is not None:
        try:
            pages.madvise(advice)
        except OSError:  # a system without huge pages: slower, not wrong
            return np.zeros(shape, wanted)
    return np.frombuffer(pages, wanted, count).reshape(shape)
