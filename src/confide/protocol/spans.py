"""Which data blocks are wanted, said in few words: ascending ranges (spec/protocol.md, "Steps 2 and 3")."""

from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta

from confide.core import limits

Index = Annotated[int, Meta(ge=0, lt=limits.MAX_BLOCKS)]
"""Of a data block in its dataset."""
Spans = Annotated[tuple[tuple[Index, Index], ...], Meta(max_length=limits.MAX_BLOCKS // 2)]
"""(first, last) of each range, both included; ascending, apart from each other."""


def spans_of(indices: Iterable[int]) -> Spans:
    """Ascending indices as ranges, in the one way that there is."""
    spans: list[tuple[int, int]] = []
    for index in indices:
        if spans and spans[-1][1] + 1 == index:
            spans[-1] = (spans[-1][0], index)
        else:
            spans.append((index, index))
    return tuple(spans)


def indices_of(spans: Spans) -> Iterator[int]:
    """All indices in the ranges."""
    for first, last in spans:
        yield from range(first, last + 1)


def check_spans(spans: Spans) -> None:
    """Raises ValueError unless the ranges are those that `spans_of` would give."""
    before = -2
    for first, last in spans:
        if not before + 1 < first <= last:
            raise ValueError("ranges of blocks that are not in order, or could be fewer")
        before = last
