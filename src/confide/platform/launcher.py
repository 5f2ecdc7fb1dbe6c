"""Starting an enclave: a command, its config on standard input, its words on standard output.

The command is the operator's: a simulated machine's loader, `gramine-sgx`, `occlum run`, or the process
itself in a confidential VM. It gets the environment it is given here and no other: the host's may hold a
passphrase.
"""

import contextlib
import errno
import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from confide.core import limits
from confide.core.errors import NoRoom, PlatformFailed
from confide.core.task_store import ProcessMark
from confide.platform import processes
from confide.platform.status_lines import LineSplitter

_CHUNK: Final = 64 * limits.KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """How this host starts enclaves."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    logs: Path
    """One file per task, with what its enclave wrote to standard error."""
    public_host: str = ""
    """Under which parties reach enclaves; empty: as the enclave says itself."""

    def reachable(self, address: str) -> str:
        """The enclave's host:port as parties are told it."""
        return f"{self.public_host}:{address.rpartition(':')[2]}" if self.public_host else address

    def launch(self, task: str, config: bytes) -> "EnclaveProcess":
        """Start a process and hand it `config` as one line. Raises PlatformFailed, NoRoom."""
        return EnclaveProcess.start(self.command, self.environment, config, self.logs / f"{task}.log")


class EnclaveProcess:
    """One enclave's process, its output and its log.

    Used by one thread. Ended with `end`, whatever happens.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process = process
        self._log = log.open("ab", buffering=0)
        self._log_room = limits.MAX_LOG_BYTES
        self._lines = LineSplitter()
        self._selector = selectors.DefaultSelector()
        for stream, purpose in ((process.stdout, "status"), (process.stderr, "log")):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._selector.register(stream, selectors.EVENT_READ, purpose)

    @classmethod
    def start(cls, command: Sequence[str], environment: Mapping[str, str], config: bytes, log: Path) -> Self:
        """Raises PlatformFailed: the command can't be run, or the log not written; NoRoom: for the log."""
        try:
            log.touch(mode=0o600)
            process = subprocess.Popen(  # noqa: S603 - the operator's own command, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                start_new_session=True,
            )
        except (OSError, ValueError) as cause:
            if isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise NoRoom(f"{log.name}: {cause.strerror}", blame="platform") from cause
            raise PlatformFailed(f"the enclave's launcher can't be run: {type(cause).__name__}") from cause
        started = cls(process, log)
        started._hand_over(config)
        return started

    @property
    def mark(self) -> ProcessMark | None:
        """None once it has ended."""
        return processes.mark_of(self._process.pid)

    def read(self, timeout: float) -> list[bytes] | None:
        """Status lines that came within `timeout` seconds, perhaps none; None when there will be no more.

        A process that has ended counts, even if a child of it still holds the pipes open.
        """
        ended = self._process.poll() is not None
        lines: list[bytes] = []
        events = self._selector.select(timeout)
        for key, _ in events:
            data = os.read(key.fd, _CHUNK)
            if not data:
                self._selector.unregister(key.fileobj)
            elif key.data == "log":
                self._keep(data)
            else:
                lines += self._lines.feed(data)
        done = not self._listening() or (ended and not events)
        return None if done and not lines else lines

    def ask_to_end(self) -> None:
        """SIGTERM to its whole process group."""
        processes.signal_group(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to its whole process group."""
        processes.signal_group(self._process.pid, signal.SIGKILL)

    def end(self, grace: float) -> int:
        """Wait `grace` seconds for it to end by itself, then kill it and what is left of its process group.

        Returns its exit code; negative: the signal that ended it.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self.kill()
        code = self._process.wait()
        self._close()
        return code

    def _hand_over(self, config: bytes) -> None:
        stdin = self._process.stdin
        if stdin is not None:
            # A process that has ended already is noticed where its output ends.
            with contextlib.suppress(BrokenPipeError), stdin:
                stdin.write(config + b"\n")

    def _listening(self) -> bool:
        return any(key.data == "status" for key in self._selector.get_map().values())

    def _keep(self, data: bytes) -> None:
        kept = data[: self._log_room]
        self._log_room -= len(kept)
        with contextlib.suppress(OSError):  # a full disk loses the log, not the task
            self._log.write(kept)

    def _close(self) -> None:
        """Keep what is left of the log, then let go of everything."""
        while any(key.data == "log" for key in self._selector.get_map().values()):
            if not self._selector.select(0):
                break  # a grandchild outside the group holds the pipe open
            self.read(0)
        self._selector.close()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        self._log.close()
