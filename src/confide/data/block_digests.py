"""SHA-384 of several blocks at once: with AVX-512, side by side in one thread (native/sha384.c).

One block after another takes three times as long: a digest is a chain of steps that vectors can't shorten,
but eight chains fill a vector. Where there is no such library, hashlib does the work. hashlib is also the
oracle: `tests/unit/data/test_block_digests.py`.
"""

import ctypes
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from confide.core.digest import DIGEST_BYTES, sha384_hex
from confide.data.blocks import Block
from confide.data.shared_library import load

LANES: Final = 8
"""Blocks side by side, as in native/sha384.c."""
_WORTH: Final = 3
"""Side by side a call takes as long as so many blocks of the longest one's length do one after another."""


def digests_of(blocks: Sequence[Block]) -> list[str]:
    """Hexadecimal SHA-384 of each block, in order. The interpreter's lock is released meanwhile."""
    found: list[str] = [""] * len(blocks)
    longest_first = sorted(range(len(blocks)), key=lambda place: -len(blocks[place]))
    while longest_first:
        together = longest_first[:LANES]
        if not _worth_it([len(blocks[place]) for place in together]):
            together = together[:1]
        longest_first = longest_first[len(together) :]
        for place, digest in zip(together, _digests([blocks[place] for place in together]), strict=True):
            found[place] = digest
    return found


def _worth_it(sizes: list[int]) -> bool:
    return side_by_side() and sum(sizes) > _WORTH * sizes[0]


def side_by_side() -> bool:
    """Whether blocks are hashed side by side here."""
    return _library() is not None


@functools.cache
def _library() -> ctypes.CDLL | None:
    core = load(Path(__file__).parent, "_hash")
    if core is None or core.confide_sha384_lanes() != LANES:
        return None
    core.confide_sha384.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    core.confide_sha384.restype = None
    return core


def _digests(blocks: list[Block]) -> list[str]:
    core = _library()
    if core is None or len(blocks) == 1:
        return [sha384_hex(block) for block in blocks]
    return _native(core, blocks)


def _native(core: ctypes.CDLL, blocks: list[Block]) -> list[str]:
    """Of at most LANES blocks; the arrays keep their memory alive through the call."""
    arrays = [np.frombuffer(block, np.uint8) if len(block) else np.zeros(1, np.uint8) for block in blocks]
    data = np.array([array.ctypes.data for array in arrays], np.uintp)
    sizes = np.array([len(block) for block in blocks], np.uint64)
    digests = np.empty((len(blocks), DIGEST_BYTES), np.uint8)
    core.confide_sha384(data.ctypes.data, sizes.ctypes.data, len(blocks), digests.ctypes.data)
    return [digest.tobytes().hex() for digest in digests]
