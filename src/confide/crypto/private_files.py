"""Files of secrets: whole or not there, and readable by their owner only."""

import contextlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from confide.core.errors import KeyStoreError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_private(path: Path, data: bytes, *, suffix: str) -> None:
    """Write a new file with mode 0600, atomically. `suffix` makes the temporary name unique (hex).

    Raises:
        KeyStoreError: the file exists already (a key is never overwritten), or can't be written.
    """
    if path.exists():
        raise KeyStoreError(f"{path} exists already; a key is never overwritten")
    temporary = path.with_name(f".{path.name}.{suffix}")
    try:
        _write_through(temporary, data)
        temporary.rename(path)
        sync_directory(path.parent)
    except OSError as cause:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise KeyStoreError(f"{path} can't be written: {cause.strerror}") from None


def read_private(path: Path, *, limit: int) -> bytes:
    """Read a file of at most `limit` bytes that only its owner may read.

    Raises:
        KeyStoreError: missing, not a regular file, open to group or others, or too long.
    """
    try:
        # Without waiting: a pipe in its place must be refused, not hang us.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            problem = exposed(os.fstat(descriptor).st_mode)
            if problem:
                raise KeyStoreError(f"{path} {problem}")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(limit + 1)
        finally:
            os.close(descriptor)
    except OSError as cause:
        raise KeyStoreError(f"{path} can't be read: {cause.strerror}") from None
    if len(data) > limit:
        raise KeyStoreError(f"{path} is longer than {limit} bytes")
    return data


def exposed(mode: int) -> str | None:
    """What keeps a file of this mode from being private, in words; None if nothing does.

    `mode` is of what was opened, not of what the path names by now.
    """
    if not stat.S_ISREG(mode):
        return "is not a regular file"
    if mode & _OTHERS:
        return "is open to other users; make it private first: chmod 600"
    return None


def create_private(path: Path) -> BinaryIO:
    """A new file with mode 0600, open for writing. Raises OSError, also when there is one already."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "wb")


def _write_through(path: Path, data: bytes) -> None:
    with create_private(path) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def exposed_folder(mode: int) -> str | None:
    """What keeps a folder of this mode from being private, in words; None if nothing does."""
    if not stat.S_ISDIR(mode):
        return "is not a folder"
    if mode & _OTHERS:
        return "is open to other users; make it private first: chmod 700"
    return None


def replace_private(path: Path, data: bytes) -> None:
    """Write a file with mode 0600, whole or not at all; an earlier one is replaced. Raises OSError."""
    temporary = path.with_name(path.name + ".part")
    temporary.unlink(missing_ok=True)
    _write_through(temporary, data)
    temporary.replace(path)


def sync_directory(directory: Path) -> None:
    """Make a new name in `directory` last (fsync(2)). Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
