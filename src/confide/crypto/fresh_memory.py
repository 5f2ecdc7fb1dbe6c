"""Memory for long plaintexts, which are kept: new pages, all at once.

A block that is kept needs new memory, and each page of it costs a fault where it is written first. Asked for
in one call they cost less, and the interpreter's lock is free meanwhile. Memory that is mapped is not filled
with zeros a second time, and goes back to the system when nobody holds it any more.
"""

import ctypes
import mmap
from typing import Final

from confide.core import limits

LONG_BYTES: Final = limits.MIB
_POPULATE_WRITE: Final = 23
"""MADV_POPULATE_WRITE (Linux 5.14), which the standard library has no name for."""


def fresh(size: int) -> memoryview:
    """Writable, `size` bytes; only a long one has pages of its own."""
    if size < LONG_BYTES:
        return memoryview(bytearray(size))
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    _populate(pages, size)
    return memoryview(pages)


def _populate(pages: mmap.mmap, size: int) -> None:
    """Where the system does not know how, each page comes as it is written."""
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if madvise is not None:
        start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
        madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _POPULATE_WRITE)
