"""Who is at the other end of a Unix socket: the kernel says so, not the process itself (Linux)."""

import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CREDENTIALS: Final = struct.Struct("3i")
_START_TIME_FIELD: Final = 22
"""proc(5), /proc/pid/stat, counted from 1."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process id alone may be used again; with its start time (clock ticks since boot) it is unique."""

    pid: int
    start_time: int

    @classmethod
    def at_peer(cls, connection: socket.socket) -> "Process":
        """The process that connected. Raises OSError if it has ended."""
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, _user, _group = _CREDENTIALS.unpack(raw)
        return cls(pid, _start_time(pid))

    @property
    def alive(self) -> bool:
        try:
            return _start_time(self.pid) == self.start_time
        except OSError:
            return False

    def command_line(self) -> list[str]:
        """The arguments it was executed with. Raises OSError."""
        return _strings(self.pid, "cmdline")

    def environment(self) -> list[str]:
        """NAME=value as at its execution, sorted. Raises OSError."""
        return sorted(_strings(self.pid, "environ"))


def _start_time(pid: int) -> int:
    """Raises OSError (also for a zombie: it runs nothing any more)."""
    content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    state, *fields = content.rpartition(")")[2].split()
    if state in {"Z", "X"}:
        raise ProcessLookupError(pid)
    return int(fields[_START_TIME_FIELD - 4])


def _strings(pid: int, name: str) -> list[str]:
    content = Path(f"/proc/{pid}/{name}").read_bytes()
    return content.decode(errors="surrogateescape").split("\0")[:-1]
