"""Signs of life of the library at both ends: whether there is any use in waiting for it.

It calls nobody back, and may compute for long without a byte through the tunnel. Each end tells the other
that its own worker works, so that one that rightly waits is not taken for one that hangs.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from confide.core import limits
from confide.core.errors import TransportError
from confide.mpc.tunnel import Tunnel

_FIRST_OF_STAT: Final = 3
_USER_TIME, _SYSTEM_TIME = 14 - _FIRST_OF_STAT, 15 - _FIRST_OF_STAT
"""Fields of /proc/PID/stat behind the command's name (proc(5))."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Life:
    """Of one run of the library. A context: while it is open, the other end is told of our worker."""

    def __init__(self, pid: int, tunnel: Tunnel, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pid, self.tunnel, self._monotonic = pid, tunnel, monotonic
        self._over = threading.Event()
        self._teller = threading.Thread(target=self._tell, daemon=True)
        self._seen: tuple[float, ...] = ()
        self._since = monotonic()

    def gone(self) -> bool:
        """Whether neither end has shown a sign of life for HUNG_SECONDS. To be asked every few seconds."""
        now, signs = self._monotonic(), (*_work_of(self._pid), *self.tunnel.traffic)
        if not self._seen or any(map(_more, self._seen, signs)):
            self._seen, self._since = signs, now
        return now - self._since > limits.HUNG_SECONDS

    def _tell(self) -> None:
        before = _work_of(self._pid)
        while not self._over.wait(limits.LIFE_SECONDS):
            now = _work_of(self._pid)
            if any(map(_more, before, now)):
                before = now
                with suppress(TransportError):  # whoever uses the tunnel finds out
                    self.tunnel.live()

    def __enter__(self) -> Self:
        self._teller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()


def _more(before: float, now: float) -> bool:
    return now >= before + 1


def _work_of(pid: int) -> tuple[float, float]:
    """(hundredths of HUNG_SECONDS that it has computed, bytes that it has read and written).

    Threads that only look at the clock cost less than such a hundredth. Where /proc does not tell, it is
    taken for alive: then the library's own limit holds.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return time.monotonic(), 0.0
    seconds = (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) / _TICKS
    moved = sum(int(line.split()[1]) for line in lines if line.startswith(("rchar", "wchar")))
    return seconds * 100 / limits.HUNG_SECONDS, float(moved)
