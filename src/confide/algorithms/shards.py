"""Encoded rows in shards, of which one at a time is in memory: what is done with all of them."""

from collections.abc import Callable, Iterator

import numpy as np

from confide.algorithms.base import Batch, Floats, Integers, InTurn, Shards


class Checked:
    """Shards that are checked when they are loaded for the first time."""

    def __init__(self, shards: Shards, check: Callable[[Batch], None], *, at_once: bool = True) -> None:
        """`check` raises for rows that can't be worked with. A single shard is checked `at_once`."""
        self._shards, self._check = shards, check
        self._passed: set[int] = set()
        if at_once and len(shards.sizes) == 1:
            self.load(0)

    @property
    def sizes(self) -> tuple[int, ...]:
        return self._shards.sizes

    @property
    def labels(self) -> Floats:
        return self._shards.labels

    @property
    def fields(self) -> int:
        return self._shards.fields

    def load(self, at: int) -> Batch:
        rows = self._shards.load(at)
        if at not in self._passed:
            self._check(rows)
            self._passed.add(at)
        return rows


class CheckedInTurn(Checked):
    """The same of shards that are still to come. Implements InTurn."""

    def __init__(self, shards: InTurn, check: Callable[[Batch], None]) -> None:
        super().__init__(shards, check, at_once=False)
        self._in_turn = shards

    def first_labels(self) -> Floats:
        return self._in_turn.first_labels()

    def ready(self, at: int) -> bool:
        return self._in_turn.ready(at)


def count_rows(shards: Shards | None) -> int:
    """Of all shards; none without shards."""
    return 0 if shards is None else sum(shards.sizes)


def predict_shards(predict: Callable[[Integers, Floats], Floats], shards: Shards) -> Floats:
    """(rows,) predictions in the order of `labels`."""

    def parts() -> Iterator[Floats]:
        for at in range(len(shards.sizes)):
            rows = shards.load(at)
            yield predict(rows.indices, rows.values)

    return np.concatenate(list(parts()))
