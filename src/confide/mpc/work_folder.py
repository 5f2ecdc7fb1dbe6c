"""A private folder for files that hold ids: removed whatever happens."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def private_folder(base: Path) -> Iterator[Path]:
    """A new folder in `base`, locked while it is in use; `base` goes with its last folder.

    What a killed process has left is known by its lock, which the operating system lets go of with the
    process, and is removed by the next who comes. A process number would not tell: in a container it is
    often the same one again.
    """
    with _alone(base):
        for earlier in base.iterdir():
            _remove_if_left(earlier)
        folder = Path(tempfile.mkdtemp(dir=base)).resolve()
        lock = _lock(folder, fcntl.LOCK_SH)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        with suppress(OSError), _alone(base):
            base.rmdir()


@contextmanager
def _alone(base: Path) -> Iterator[None]:
    """`base` is there, and no other process makes or removes folders in it meanwhile."""
    while True:
        base.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            base.mkdir(mode=0o700)
        with suppress(FileNotFoundError):
            lock = _lock(base, fcntl.LOCK_EX)
            if _is_still(base, lock):
                break
            os.close(lock)
    try:
        yield
    finally:
        os.close(lock)


def _is_still(base: Path, lock: int) -> bool:
    """False if who had the lock before us has removed the folder."""
    with suppress(FileNotFoundError):
        return os.path.samestat(base.stat(), os.fstat(lock))
    return False


def _remove_if_left(folder: Path) -> None:
    try:
        lock = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def _lock(folder: Path, how: int) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
