"""Processes of this machine, told apart for good (Linux, proc(5))."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

from confide.core.task_store import ProcessMark

_PROC: Final = Path("/proc")
_START_TIME: Final = 22 - 3
"""Index of field 22 among the fields after the command's name, which may itself hold spaces."""
_STATE: Final = 3 - 3


def mark_of(pid: int) -> ProcessMark | None:
    """The process that has this pid now; None if there is none, or only its remains (a zombie)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    if fields[_STATE] == "Z":
        return None
    return ProcessMark(pid=pid, started=int(fields[_START_TIME]))


def kill_group(mark: ProcessMark) -> None:
    """End the process and its group if it is still the very process; else nothing."""
    if mark_of(mark.pid) == mark:
        signal_group(mark.pid, signal.SIGKILL)


def signal_group(pid: int, number: signal.Signals) -> None:
    """To a process that leads its group, and to all of the group. Nothing if they are gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
