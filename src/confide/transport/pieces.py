"""Envelopes on their way: cut into pieces that stay in a processor's cache, and put together again.

gRPC copies a message several times, each copy into memory of its own. For a piece that is memory that was
just used; for a whole data block it was new each time, and new memory costs more than the copy.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from confide.core import limits
from confide.core.envelope import Buffer, Envelope, Pieces, parts_of
from confide.core.errors import RemoteProtocolError


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an envelope, or all of it."""

    data: Buffer
    more: bool = False
    """Whether more of the same envelope follows."""


def pieces_of(envelope: Envelope) -> Iterator[Piece]:
    """At least one. All but the last have limits.ENVELOPE_PIECE_BYTES; no bytes are copied."""
    *first, last = parts_of(envelope)
    for part in first:
        yield Piece(part, more=True)
    view, size = memoryview(last), limits.ENVELOPE_PIECE_BYTES
    for start in range(0, max(len(view), 1), size):
        yield Piece(view[start : start + size], start + size < len(view))


class Assembly:
    """Puts the envelopes of one stream together. One thread."""

    def __init__(self) -> None:
        self._held: list[Buffer] = []

    def add(self, piece: Piece) -> Envelope | None:
        """The envelope that this piece completes, if it does.

        Raises:
            RemoteProtocolError: `pieces_of` would not have cut it so, or it grows beyond MAX_MESSAGE_BYTES.
        """
        size = len(piece.data)
        least = limits.ENVELOPE_PIECE_BYTES if piece.more else bool(self._held)
        if not least <= size <= limits.ENVELOPE_PIECE_BYTES:
            raise RemoteProtocolError(f"a piece of a message has {size} bytes")
        held = len(self._held) * limits.ENVELOPE_PIECE_BYTES + size
        if held > limits.MAX_MESSAGE_BYTES + limits.ENVELOPE_OVERHEAD_BYTES:
            raise RemoteProtocolError("the pieces of a message are longer than MAX_MESSAGE_BYTES")
        if piece.more:
            self._held.append(piece.data)
            return None
        if not self._held:
            return piece.data
        whole = Pieces((*self._held, piece.data))
        self._held.clear()
        return whole
