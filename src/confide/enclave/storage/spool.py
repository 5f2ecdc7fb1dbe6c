"""Opened data on the host's disk, sealed: for what does not fit into the enclave's memory.

The disk is the host's. It sees ciphertext of certain lengths, written and read at certain times. Each record
is sealed under a key made here for this one file, with its number and purpose bound; the tags stay in
memory: no other bytes can take a record's place. The file has no name, so it ends with the process.
"""

import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confide.core import limits
from confide.core.errors import LimitExceeded, SpoolFailed
from confide.core.ports import Randomness
from confide.crypto.spool_key import KEY_BYTES, TAG_BYTES, SpoolKey


@dataclass(frozen=True, slots=True)
class Record:
    """Where a record is, and what it must be."""

    purpose: str
    number: int
    start: int
    length: int
    """Of the ciphertext."""
    tag: bytes


class Spool:
    """One file of sealed records, written once each. Safe to use from several threads."""

    def __init__(self, folder: Path | None, randomness: Randomness) -> None:
        """`folder`: of the file; None: the system's for temporary files. Raises SpoolFailed."""
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by `close`
        except OSError as cause:
            raise _failed("made", cause) from None
        self._key = SpoolKey(randomness.bytes(KEY_BYTES))
        self._lock = threading.Lock()
        self._number = self._end = 0

    def put(self, purpose: str, data: bytes | memoryview) -> Record:
        """Write a record. Raises SpoolFailed (no space left, say); LimitExceeded for a record too long."""
        if len(data) > limits.MAX_SPOOL_RECORD_BYTES:
            raise LimitExceeded(f"a record of {len(data)} bytes is longer than MAX_SPOOL_RECORD_BYTES")
        with self._lock:
            number, start = self._number, self._end
            self._number, self._end = number + 1, start + len(data)
        sealed = self._key.seal(purpose, number, data)
        view = memoryview(sealed)[:-TAG_BYTES]
        try:
            written = 0
            while written < len(view):
                written += os.pwrite(self._file.fileno(), view[written:], start + written)
        except (OSError, ValueError) as cause:
            raise _failed("written", cause) from None
        return Record(purpose, number, start, len(data), sealed[-TAG_BYTES:])

    def get(self, record: Record) -> bytes:
        """What was put. Raises SpoolFailed when it is not there any more as it was."""
        sealed = bytearray(record.length + TAG_BYTES)
        sealed[record.length :] = record.tag
        view, read = memoryview(sealed)[: record.length], 0
        try:
            while read < record.length:
                found = os.preadv(self._file.fileno(), [view[read:]], record.start + read)
                if not found:
                    break  # cut off: what is missing makes the tag fail
                read += found
        except (OSError, ValueError) as cause:
            raise _failed("read", cause) from None
        return self._key.open(record.purpose, record.number, sealed)

    @property
    def bytes_on_disk(self) -> int:
        """Written so far."""
        return self._end

    def close(self) -> None:
        """Wipe the key and remove the file: it has no name, closing it frees its space. Idempotent."""
        self._key.destroy()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SpoolFolder:
    """Where the enclave may put sealed records, and all that it has put there."""

    def __init__(self, folder: Path | None, randomness: Randomness) -> None:
        self._folder, self._randomness = folder, randomness
        self._open: list[Spool] = []

    def spool(self) -> Spool:
        """A new file. Raises SpoolFailed."""
        made = Spool(self._folder, self._randomness)
        self._open.append(made)
        return made

    def close(self) -> None:
        """All of them. Idempotent."""
        while self._open:
            self._open.pop().close()


def _failed(what: str, cause: Exception) -> SpoolFailed:
    reason = os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno else type(cause).__name__
    return SpoolFailed(f"the enclave's file on the platform's disk can't be {what}: {reason}")
