"""How much memory the enclave's process may use: what it was told, or what the system says."""

import os
import re
from pathlib import Path
from typing import Final

from confide.core.errors import ConfigurationError

_UNITS: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE: Final = re.compile(r"([0-9]{1,15})(KiB|MiB|GiB|)\Z")
CGROUPS: Final = Path("/sys/fs/cgroup")
OWN_CGROUP: Final = Path("/proc/self/cgroup")


def parse_size(text: str) -> int:
    """Bytes of "4096", "512MiB", "6GiB". Raises ConfigurationError."""
    found = _SIZE.match(text)
    if found is None or not int(found[1]):
        raise ConfigurationError(f"--memory: {text[:40]!r} is no size; write for example 512MiB or 6GiB")
    return int(found[1]) * _UNITS[found[2]]


def available(own: Path = OWN_CGROUP, cgroups: Path = CGROUPS) -> int | None:
    """The least of the machine's memory and the limits of our cgroup (v2) and those above it.

    None where the system does not tell.
    """
    told = [_physical(), *_cgroup_limits(own, cgroups)]
    return min((size for size in told if size is not None), default=None)


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _cgroup_limits(own: Path, cgroups: Path) -> list[int]:
    """memory.max of each level (Linux, admin-guide/cgroup-v2)."""
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    inside = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if inside is None or ".." in Path(inside).parts:
        return []
    levels = [cgroups / inside, *(cgroups / parent for parent in Path(inside).parents)]
    return [limit for level in levels if (limit := _limit(level / "memory.max")) is not None]


def _limit(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdecimal() else None
