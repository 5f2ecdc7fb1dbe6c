"""One process at a time: a lock on a file that the operating system lets go of when its holder ends."""

import fcntl
import os
from pathlib import Path

from confide.core.errors import ConfideError


class FileLock:
    """Held from construction until `release`, or until the process ends, however it ends.

    Its file goes with `release`; one that a killed process has left is taken by the next holder.
    """

    def __init__(self, path: Path, held: ConfideError) -> None:
        """Raises `held` if another process (or another lock of this one) has it; OSError."""
        self._path = path
        self._descriptor: int | None = None
        while self._descriptor is None:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                raise held from None
            # Between opening and locking, its holder may have removed it: then others lock another file.
            if _lies_at(path, descriptor):
                self._descriptor = descriptor
            else:
                os.close(descriptor)

    def release(self) -> None:
        """Idempotent."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)  # while it is held: nobody else's can lie there
            os.close(self._descriptor)
            self._descriptor = None


def _lies_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
