"""What is wrong with data is the fault of its party."""

from collections.abc import Iterator
from contextlib import contextmanager

from confide.core.errors import DataError


@contextmanager
def blaming(party: str) -> Iterator[None]:
    """DataErrors that are raised inside blame this party, unless they blame another."""
    try:
        yield
    except DataError as cause:
        cause.blame = cause.blame or party
        raise
