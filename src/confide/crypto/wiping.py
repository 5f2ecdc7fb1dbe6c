"""Overwriting secrets when they have served, as far as Python allows.

A `bytearray` can be overwritten; `bytes` and `str` can't, and the interpreter and libraries make copies that
nobody can name (spec/threat-model.md, N-11). So secrets that pass through our hands are kept in bytearrays
from where they come in to where a library takes them, and wiped there.
"""

from collections.abc import Iterator
from contextlib import contextmanager

Secret = bytes | bytearray
"""What functions take that only read a secret; whoever made it wipes it."""


def wipe(secret: bytearray) -> None:
    """Overwrite with zeros, in place."""
    secret[:] = bytes(len(secret))


@contextmanager
def wiped(secret: bytearray) -> Iterator[bytearray]:
    """`secret` for the time of a block; overwritten after it, however it ends."""
    try:
        yield secret
    finally:
        wipe(secret)
