"""Data blocks on the host's disk, sealed, for the enclave that may take this one's place.

FOLDER/TASK/PARTY-COMMITMENT/INDEX    one block each; removed when the round's result has been acknowledged

The disk is the host's: it may lose, alter, swap or bring back what it likes. What does not open, or is not
what the manifest lists, has not come, and is asked of its party again.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from confide.core import limits
from confide.crypto.storage_key import TAG_BYTES, StorageKey


class StoredBlocks:
    """Of one party's dataset. Safe to use from several threads."""

    def __init__(self, folder: Path, key: StorageKey) -> None:
        self._folder, self._key = folder, key
        self._usable = True
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, index: int, block: bytes | memoryview) -> None:
        """A disk that takes nothing more is not the task's end: then the block is sent again some day."""
        if not self._usable:
            return
        path, partly = self._folder / str(index), self._folder / f".{index}"
        try:
            partly.write_bytes(self._key.seal(index, block))
            partly.rename(path)
        except OSError:
            self._usable = False
            with suppress(OSError):
                partly.unlink(missing_ok=True)

    def get(self, index: int) -> bytes | None:
        """What an earlier enclave put there, if it is there and opens; the caller compares its digest."""
        path = self._folder / str(index)
        try:
            # Without following or waiting: links and pipes are no blocks.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                sealed = file.read(limits.MAX_BLOCK_BYTES + TAG_BYTES + 1)
        except OSError:
            return None
        return self._key.open(index, sealed)


class BlockStore:
    """Of one task."""

    def __init__(self, folder: Path, task: str) -> None:
        self.folder, self._task = folder / task, task

    def of(self, party: str, commitment: str, key: bytes) -> StoredBlocks:
        """A party's dataset, under its storage key."""
        bound = StorageKey(key, task=self._task, party=party, commitment=commitment)
        return StoredBlocks(self.folder / f"{party}-{commitment}", bound)

    def remove(self) -> None:
        """Nothing of it will be asked for again."""
        shutil.rmtree(self.folder, ignore_errors=True)
