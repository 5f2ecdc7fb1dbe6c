"""One host per database: a second would take the first one's tasks for orphans and end them."""

import fcntl
import os
from pathlib import Path

from confide.core.errors import ConfigurationError


class FileLock:
    """Held from construction until `release`, or until the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError if another process (or another store of this one) holds it; OSError."""
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise ConfigurationError(f"{path}: another platform is using this database") from None

    def release(self) -> None:
        """Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
