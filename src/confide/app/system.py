"""The real clock and the real randomness: the only place that asks the operating system for either.

And what a process that holds keys asks of it.
"""

import os
import resource
import time


def keep_no_core_dump() -> None:
    """A process that holds a key leaves none of it on a disk when it crashes (setrlimit(2), core(5))."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


class SystemClock:
    """Implements `core.ports.Clock`."""

    def now(self) -> int:
        """Unix time, whole seconds, UTC."""
        return int(time.time())  # noqa: TID251  the one adapter behind core.ports.Clock

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        return time.monotonic()


class SystemRandomness:
    """Implements `core.ports.Randomness` with the operating system's generator."""

    def bytes(self, count: int) -> bytes:
        """`count` bytes, unpredictable to everybody else."""
        return os.urandom(count)  # noqa: TID251  the one adapter behind core.ports.Randomness
