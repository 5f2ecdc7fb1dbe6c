"""One process at a time: a lock on a file that the operating system lets go of when its holder ends."""

import fcntl
import os
from pathlib import Path

from confide.core.errors import ConfideError


class FileLock:
    """Held from construction until `release`, or until the process ends, however it ends."""

    def __init__(self, path: Path, held: ConfideError) -> None:
        """Raises `held` if another process (or another lock of this one) has it; OSError."""
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise held from None

    def release(self) -> None:
        """Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
