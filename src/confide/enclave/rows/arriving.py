"""Blocks in an agreed order, looked at in their turn while later ones are still on their way.

Each block is held, by itself, against the rule of the order, and against the same block of the others. That a
party kept to the agreed ids is known only when all have come: then everything is checked again, together, as
it is where the work begins afterwards. Until then nothing that was learned leaves.
"""

from collections.abc import Callable, Mapping

import pyarrow as pa

from confide.data.arrow import ChunkedArray
from confide.data.block_columns import BlockColumns
from confide.enclave.rows.agreed_order import check_ascending, check_block_rows, in_agreed_order
from confide.enclave.rows.blaming import blaming
from confide.protocol.terms import Intersection, Task


class Arriving:
    """Of all parties of a round."""

    def __init__(
        self,
        task: Task,
        terms: Intersection,
        sources: Mapping[str, BlockColumns],
        id_set: str,
        come: Callable[[int], bool],
    ) -> None:
        """`come(block)`: whether it has come from every party, as its manifest lists it; of the last block,
        also whether every party has said that it has sent all.

        Raises OrderMismatch: blocks are not as long as was agreed.
        """
        for party, source in sources.items():
            check_block_rows(party, source.manifest, terms.block_rows)
        self._task, self._terms, self._sources, self._id_set = task, terms, sources, id_set
        self._come = come
        self._ends: dict[str, ChunkedArray] = {}
        """Of each party: the last id that was looked at."""
        self._doubtful = False
        """Whether the parties have sent different ids. Who has lied is known when all have come."""
        self.blocks = len(sources[task.initiator].manifest.blocks)
        self.taken = 0
        """So many blocks have been looked at."""
        self.checked = False
        """Whether all have come, and every party has kept to what was agreed."""
        self.on_block: Callable[[int], None] = lambda _: None
        """Called with each block, before it is learned from."""

    def ready(self, end: int) -> bool:
        """Whether the blocks before `end` can be taken. After a doubt nothing is, until all have come."""
        until = self.blocks if self._doubtful else end
        return all(self._come(block) for block in range(self.taken, until))

    def take(self, block: int) -> None:
        """The next block, or one that was taken before; it must be ready.

        Raises OrderMismatch, DatasetCorrupt: naming the party.
        """
        if block < self.taken:
            return
        if block == self.blocks - 1 or (self._doubtful and self.ready(self.blocks)):
            self.check_all()
        elif self._doubtful:
            self._check_layout(block)  # of the shard that was begun; what it teaches is thrown away
        elif not self.checked:
            self._look_at(block)
        self.on_block(block)
        self.taken = block + 1

    def check_all(self) -> None:
        """Every party's rows against the order and the ids that all have signed. Raises as `take` does."""
        if self.checked:
            return
        for block in range(self.taken, self.blocks):
            self._check_layout(block)
        in_agreed_order(self._task, self._terms, self._sources, self._id_set)
        self.checked = True

    def _check_layout(self, block: int) -> None:
        for party, source in self._sources.items():
            with blaming(party):
                source.check(block)

    def _look_at(self, block: int) -> None:
        self._check_layout(block)
        first, *others = (self._ids(party, block) for party in self._sources)
        self._doubtful = any(not ids.equals(first) for ids in others)

    def _ids(self, party: str, block: int) -> ChunkedArray:
        name, start = self._task.id.name, block * self._terms.block_rows
        with blaming(party):
            ids = self._sources[party].batch(block, [name]).column(0)
        before = self._ends.get(party)
        known = [] if before is None else before.chunks
        # The row before comes along: the first of this block has to stand after it.
        check_ascending(
            party, pa.chunked_array([*known, ids], ids.type), self._terms.block_rows, start - len(known)
        )
        self._ends[party] = pa.chunked_array([ids.slice(len(ids) - 1)])
        return pa.chunked_array([ids])
