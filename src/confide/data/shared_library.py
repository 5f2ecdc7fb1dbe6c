"""Compiled libraries of this installation, loaded with ctypes: they know nothing of Python."""

import ctypes
from pathlib import Path


def load(folder: Path, name: str) -> ctypes.CDLL | None:
    """The library `name` in `folder`; None where the installation has none that this machine can load."""
    for file in sorted(folder.glob(f"{name}*.so")):
        try:
            return ctypes.CDLL(str(file))
        except OSError:  # built for another machine
            continue
    return None
