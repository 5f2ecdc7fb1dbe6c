"""How the C library keeps memory that was freed (mallopt(3)), for a party that sends blocks.

Each block passes through several buffers of its size. glibc gives the memory of freed ones back when a heap
ends in a little more than twice the largest, and new memory costs a page fault per 4 KiB: about a tenth of
what an upload costs a party. Not for enclaves: what is kept is not in their forecast of memory.
"""

import ctypes
from typing import Final

from confide.core import limits

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
KEPT_BYTES: Final = limits.MAX_BLOCK_BYTES
"""What may stay, freed, at the end of a heap."""
LARGE_BYTES: Final = limits.MAX_BLOCK_BYTES // 2
"""From here on a piece is mapped for itself, and unmapped when it is freed; glibc takes no larger bound."""


def keep_block_memory() -> bool:
    """From now on, for the whole process. False where the C library has no such choice."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_TRIM_THRESHOLD, KEPT_BYTES) and mallopt(_MMAP_THRESHOLD, LARGE_BYTES))
