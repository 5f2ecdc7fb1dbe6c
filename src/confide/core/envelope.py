"""One sealed message on its way: in one piece, or in the pieces that it travels in."""

from collections.abc import Iterator
from typing import TypeAlias

from confide.core import limits

Buffer: TypeAlias = bytes | bytearray | memoryview


class Pieces:
    """A long envelope as it was cut, all but the last of ENVELOPE_PIECE_BYTES: to join them would copy it."""

    __slots__ = ("_size", "parts")

    def __init__(self, parts: tuple[Buffer, ...]) -> None:
        self.parts = parts
        self._size = sum(map(len, parts))

    def __len__(self) -> int:
        """Bytes in all."""
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self.parts)

    def __repr__(self) -> str:
        return f"Pieces({len(self.parts)} of {self._size} bytes)"


Envelope: TypeAlias = Buffer | Pieces
"""Whoever has handed it on must not write to it any more."""


def parts_of(envelope: Envelope) -> tuple[Buffer, ...]:
    """At least one."""
    return envelope.parts if isinstance(envelope, Pieces) else (envelope,)


class PieceRoom:
    """Room for an envelope of `size` bytes, in the pieces that it will travel in; written from the start on.

    A piece is made when its turn comes, so that it is still in the processor's cache when it is sent.
    """

    def __init__(self, size: int) -> None:
        self._left = size
        self._parts: list[bytearray] = []
        self._room = memoryview(b"")

    def spaces(self, size: int) -> Iterator[tuple[int, memoryview]]:
        """Where the next `size` bytes go: (how many went before, space)."""
        at = 0
        while at < size:
            if not self._room:
                self._next()
            space, self._room = self._room[: size - at], self._room[size - at :]
            yield at, space
            at += len(space)

    def write(self, data: bytes) -> None:
        """A short one."""
        for at, space in self.spaces(len(data)):
            space[:] = data[at : at + len(space)]

    def _next(self) -> None:
        piece = bytearray(min(limits.ENVELOPE_PIECE_BYTES, self._left))
        self._left -= len(piece)
        self._parts.append(piece)
        self._room = memoryview(piece)

    @property
    def envelope(self) -> Envelope:
        """What was written."""
        return self._parts[0] if len(self._parts) == 1 else Pieces(tuple(self._parts))
