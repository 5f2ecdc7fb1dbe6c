"""The part of the SIMULATED machine that decides who is an enclave, and with which measurement.

A process asks to become one (launch.py); the machine measures the image itself, tells it exactly what to
execute, and remembers process → measurement. A quote is given only while that process lives and still is
the execution it was told to become. The enclave can't choose its identity.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from confide_sim.image import Image
from confide_sim.processes import Process

QUOTER_VARIABLE: Final = "CONFIDE_QUOTER"
INTERPRETER_OPTIONS: Final = ("-I", "-B", "-X", "pycache_prefix=/dev/null/none")
"""Isolated from environment, user site and working directory; bytecode is neither written nor found: the
prefix lies below a device, where no folder can ever be. Only source, which is measured, is executed."""
MAX_REQUEST_BYTES: Final = 64 * 1024


class Refused(Exception):
    """The machine does not serve this process."""


class LaunchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From the loader, one JSON line. `entry` is measured, `arguments` are not."""

    entry: tuple[str, ...]
    arguments: tuple[str, ...]
    debug: bool


class LaunchReply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To the loader, one JSON line: what it has to execute."""

    command: tuple[str, ...]
    environment: dict[str, str]
    measurement: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a quote of that process will say, and what the process must be."""

    reply: LaunchReply
    debug: bool

    def is_running_in(self, process: Process) -> bool:
        """Whether the process is that execution: same command, same environment."""
        environment = sorted(f"{name}={value}" for name, value in self.reply.environment.items())
        return process.command_line() == list(self.reply.command) and process.environment() == environment


class Admissions:
    """Thread-safe register of the machine's enclaves."""

    def __init__(self, measure: Callable[[Sequence[str]], Image], quotes: Path) -> None:
        self._measure = measure
        self._environment = {QUOTER_VARIABLE: f"socket:{quotes}", "LC_ALL": "C.UTF-8"}
        self._admitted: dict[Process, Admitted] = {}
        self._lock = threading.Lock()

    def admit(self, process: Process, request: LaunchRequest) -> LaunchReply:
        """Measure and remember. Raises Refused: an enclave can't become another one."""
        measurement = self._measure(request.entry).measurement
        command = (sys.executable, *INTERPRETER_OPTIONS, *request.entry, *request.arguments)
        reply = LaunchReply(command, self._environment, measurement)
        with self._lock:
            self._admitted = {known: what for known, what in self._admitted.items() if known.alive}
            if process in self._admitted:
                raise Refused("this process has been launched already")
            self._admitted[process] = Admitted(reply, request.debug)
        return reply

    def find(self, process: Process) -> Admitted:
        """The live enclave in `process`. Raises Refused."""
        with self._lock:
            admitted = self._admitted.get(process)
        if admitted is None or not process.alive:
            raise Refused("this process is no enclave of this machine")
        if not admitted.is_running_in(process):
            raise Refused("this process is not the execution that was measured")
        return admitted
