"""How the C library keeps memory that was freed (mallopt(3)), where data blocks pass through.

Each block passes through several buffers. glibc gives the memory of freed ones back when a heap ends in a
little more than twice the largest, and new memory costs a page fault per 4 KiB: about a tenth of what an
upload costs either end.
"""

import ctypes
from typing import Final

from confide.core import limits

_TRIM_THRESHOLD: Final = -1
"""What may stay, freed, at the end of a heap."""
_MMAP_THRESHOLD: Final = -3
"""From here on a piece is mapped for itself, and unmapped when it is freed; glibc takes at most 32 MiB."""
_ARENA_MAX: Final = -8
"""How many heaps there are at most."""


def keep_block_memory() -> bool:
    """For a party that sends blocks, whole ones. For the process; False where there is no such choice."""
    return _choose((_TRIM_THRESHOLD, limits.MAX_BLOCK_BYTES), (_MMAP_THRESHOLD, limits.MAX_BLOCK_BYTES // 2))


def keep_piece_memory() -> bool:
    """For an enclave, which gets blocks in pieces: as much stays free as two blocks on their way may hold.

    What the work holds is larger, and given back when it is freed, as the forecast of memory has it. For the
    process; False where there is no such choice.
    """
    pieces = limits.ENVELOPE_PIECE_BYTES
    return _choose((_ARENA_MAX, 4), (_TRIM_THRESHOLD, 16 * pieces), (_MMAP_THRESHOLD, 4 * pieces))


def _choose(*choices: tuple[int, int]) -> bool:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in choices)
