"""Blocks that have come and whose digests are still to be made: gathered, then hashed side by side."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, TypeVar

from confide.core import limits
from confide.data.block_digests import LANES, digests_of
from confide.data.blocks import Block

N = TypeVar("N", bound=Hashable)

WAITING: Final = 2
"""Batches that hold blocks at a time: one gathers while the digests of the other are made."""


class Arrivals(Generic[N]):
    """A batch is LANES blocks or MAX_BLOCK_BYTES, whichever comes first, of any parties. One thread puts."""

    def __init__(self, judge: Callable[[N, Block, str], None]) -> None:
        """`judge(name, block, digest)` is called by `put` and `settle`, in the order in which blocks came."""
        self._judge = judge
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="digests")
        self._gathering: dict[N, Block] = {}
        self._hashing: dict[N, Block] = {}
        self._digests: Future[list[str]] | None = None

    def __contains__(self, name: object) -> bool:
        return name in self._gathering or name in self._hashing

    def put(self, name: N, block: Block) -> None:
        """Its digest is made later, in another thread. No block of this name may be in here already."""
        if self._digests is not None and self._digests.done():
            self._judge_hashed()
        self._gathering[name] = block
        waiting = sum(map(len, self._gathering.values()))
        if len(self._gathering) == LANES or waiting >= limits.MAX_BLOCK_BYTES:
            self._begin()

    def settle(self) -> None:
        """Wait until every block that has come is judged."""
        self._begin()
        self._judge_hashed()

    def drop(self) -> None:
        """Forget all that has come, unjudged."""
        self._gathering, self._hashing, self._digests = {}, {}, None

    def _begin(self) -> None:
        self._judge_hashed()
        if self._gathering:
            self._hashing, self._gathering = self._gathering, {}
            self._digests = self._pool.submit(digests_of, list(self._hashing.values()))

    def _judge_hashed(self) -> None:
        hashed, digests = self._hashing, self._digests
        if digests is None:
            return
        self._hashing, self._digests = {}, None
        for (name, block), digest in zip(hashed.items(), digests.result(), strict=True):
            self._judge(name, block, digest)
