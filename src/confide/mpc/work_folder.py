"""A private folder for files that hold ids: removed whatever happens."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def private_folder(base: Path) -> Iterator[Path]:
    """Named after our process, so that what a killed one has left is found and removed by the next."""
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    for earlier in base.iterdir():
        if not _alive(earlier.name.partition("-")[0]):
            shutil.rmtree(earlier, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=base)).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            base.rmdir()


def _alive(pid: str) -> bool:
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
