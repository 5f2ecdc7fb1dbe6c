"""The blocks of one party: in memory, or from some moment on sealed on disk. Readers see no difference."""

from collections.abc import Iterator, MutableMapping

from confide.data.blocks import Block
from confide.enclave.storage.spool import Record, Spool

PURPOSE = "block"


class KeptBlocks(MutableMapping[int, Block]):
    """By index."""

    def __init__(self) -> None:
        self._in_memory: dict[int, Block] = {}
        self._on_disk: dict[int, Record] = {}
        self._spool: Spool | None = None
        self.bytes_in_memory = 0

    @property
    def spilling(self) -> bool:
        """Whether blocks go to disk."""
        return self._spool is not None

    def spill(self, spool: Spool) -> None:
        """From now on nothing is kept in memory; what was moves. Raises SpoolFailed."""
        self._spool = spool
        moving, self._in_memory, self.bytes_in_memory = self._in_memory, {}, 0
        for index in list(moving):
            self[index] = moving.pop(index)

    def __getitem__(self, index: int) -> Block:
        """Raises SpoolFailed."""
        if self._spool is not None and index in self._on_disk:
            return self._spool.get(self._on_disk[index])
        return self._in_memory[index]

    def __setitem__(self, index: int, block: Block) -> None:
        """Raises SpoolFailed."""
        if self._spool is None:
            self._in_memory[index] = block
            self.bytes_in_memory += len(block)
        else:
            self._on_disk[index] = self._spool.put(PURPOSE, block)

    def __delitem__(self, index: int) -> None:
        if index in self._on_disk:
            del self._on_disk[index]
        else:
            self.bytes_in_memory -= len(self._in_memory.pop(index))

    def __contains__(self, index: object) -> bool:
        return index in self._in_memory or index in self._on_disk

    def __iter__(self) -> Iterator[int]:
        return iter((*self._in_memory, *self._on_disk))

    def __len__(self) -> int:
        return len(self._in_memory) + len(self._on_disk)

    def clear(self) -> None:
        """Let go of all, on disk too; nothing can be kept here any more."""
        self._in_memory.clear()
        self._on_disk.clear()
        self.bytes_in_memory = 0
        if self._spool is not None:
            self._spool.close()
