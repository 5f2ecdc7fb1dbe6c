"""One private set intersection, from our ids to the rows that the other side has, too.

The library runs in a child process (worker.py), on files in a private folder that is removed whatever
happens: they hold ids. What it says to the other side goes through a tunnel (tunnel.py).
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from confide.core import limits
from confide.core.errors import ConfideError, IntersectionFailed, MpcUnavailable
from confide.core.ports import Progress, Randomness
from confide.data.arrow import Array
from confide.data.arrow import field as field_of
from confide.mpc import tunnel as tunnels
from confide.mpc.tokens import tokens_of

Rows = npt.NDArray[np.int64]
OpenTunnel = Callable[[Callable[[], int]], AbstractContextManager[tunnels.Tunnel]]
"""Given our program's port, as a function: the tunnel to the other side, which is there when it returns."""

PROTOCOLS: Final = {"rr22": "RR22", "kkrt": "KKRT", "ecdh": "ECDH"}
"""By the name in the Task: the library's."""
_WORKER: Final = Path(__file__).with_name("worker.py")
_NOT_THERE: Final = 4
_DECOY_ROW: Final = -1
_SLICE_ROWS: Final = 1_048_576
_DECOY_BYTES: Final = 16
_TRACE: Final = "Trace has been written to "
_MAX_LINES_KEPT: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What both sides have agreed on, and where we run."""

    protocol: str
    """A name of PROTOCOLS."""
    both_learn: bool
    receiver: bool
    """Whether we are the side that learns in any case."""
    name: str
    """Of this intersection; equal at both sides."""
    folder: Path
    """Where a private folder is made, and removed."""
    python: str = ""
    """The interpreter that has the library; ours if empty."""
    seconds: int = limits.STALL_SECONDS
    """How long the library waits for a word of the other side."""


@dataclass(slots=True)
class Found:
    """The outcome at our side."""

    rows: Rows | None
    """Of our ids, ascending, those that the other side has, too; None where only the other side learns."""
    sent: int
    received: int
    """Bytes, without frames and TLS."""
    linking: float
    """Seconds until the library had reached the other side."""


@dataclass(slots=True)
class _Told:
    """What the worker has said."""

    percentage: int = 0
    missing: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    traces: list[str] = field(default_factory=list)


def check_library(python: str = "") -> None:
    """That the worker can load its library. Raises MpcUnavailable."""
    command = [python or sys.executable, "-I", str(_WORKER)]
    try:
        done = subprocess.run(  # noqa: S603 - our own file, under the configured interpreter
            command, input=b'{"check": true}\n', capture_output=True, timeout=limits.CALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as cause:
        raise MpcUnavailable(f"{command[0]} can't be run: {type(cause).__name__}") from None
    told = _Told()
    for line in done.stdout.decode(errors="replace").splitlines():
        _note(line, told)
    if done.returncode != 0:
        raise MpcUnavailable(f"spu is not usable under {command[0]}: {told.missing or 'it does not load'}")


def intersect(
    ids: Array,
    settings: Settings,
    open_tunnel: OpenTunnel,
    *,
    randomness: Randomness,
    tell: Progress,
    cancelled: threading.Event,
) -> Found:
    """Both sides call this at about the same time. `ids` has each id once.

    Raises:
        IntersectionFailed: it came to no end; it may be tried again.
        MpcUnavailable: the library is not there.
    """
    with _private_folder(settings.folder) as folder:
        _write_input(folder / "input.csv", ids, randomness)
        port = _free_port()
        with open_tunnel(lambda: port) as tunnel:
            process = _start(folder, settings, (port, tunnel.port))
            told = _run(folder, process, tunnel=tunnel, tell=tell, cancelled=cancelled)
            sent, received = tunnel.sent, tunnel.received
        learns = settings.receiver or settings.both_learn
        rows = _read_output(folder / "output.csv") if learns else None
        return Found(rows, sent, received, float(told.report.get("linked", 0)))


@contextmanager
def _private_folder(base: Path) -> Iterator[Path]:
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


def _write_input(path: Path, ids: Array, randomness: Randomness) -> None:
    """With one id that nobody else has: the library takes no empty set."""
    decoy = "y" + randomness.bytes(_DECOY_BYTES).hex()
    schema = pa.schema([field_of("id", pa.large_string()), field_of("row", pa.int64())])
    with csv.CSVWriter(path, schema, write_options=csv.WriteOptions(quoting_style="none")) as writer:
        writer.write_batch(pa.record_batch([pa.array([decoy]), pa.array([_DECOY_ROW])], schema=schema))
        for start in range(0, len(ids), _SLICE_ROWS):
            tokens = tokens_of(ids.slice(start, _SLICE_ROWS))
            rows = pa.array(np.arange(start, start + len(tokens)))
            writer.write_batch(pa.record_batch([tokens, rows], schema=schema))


def _read_output(path: Path) -> Rows:
    options = csv.ConvertOptions(include_columns=["row"], column_types={"row": pa.int64()})
    try:
        with csv.open_csv(path, convert_options=options) as batches:
            rows = np.concatenate([np.empty(0, np.int64), *(batch.column(0).to_numpy() for batch in batches)])
    except (pa.ArrowException, OSError) as cause:
        raise IntersectionFailed(f"no outcome can be read: {type(cause).__name__}") from None
    return np.sort(rows[rows != _DECOY_ROW])


def _free_port() -> int:
    with socket.create_server((tunnels.LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def _run(
    folder: Path,
    process: "subprocess.Popen[bytes]",
    *,
    tunnel: tunnels.Tunnel,
    tell: Progress,
    cancelled: threading.Event,
) -> _Told:
    told = _Told()
    reading = threading.Thread(target=_read, args=(process, told), daemon=True)
    reading.start()
    try:
        _watch(process, tunnel, told, tell, cancelled)
    finally:
        process.kill()
        process.wait()
        reading.join()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):  # what a killed worker had not read can't be written any more
                    stream.close()
        for trace in told.traces:
            Path(trace).unlink(missing_ok=True)
    if process.returncode == _NOT_THERE:
        raise MpcUnavailable(f"spu is not usable: {told.missing}")
    if process.returncode != 0 or "common" not in told.report:
        raise IntersectionFailed(_reason(folder, tunnel))
    return told


def _start(folder: Path, settings: Settings, ports: tuple[int, int]) -> "subprocess.Popen[bytes]":
    """Addresses stand in the order of ranks: the receiver's first."""
    own, other = (f"{tunnels.LOOPBACK}:{port}" for port in ports)
    words = {
        "id": settings.name,
        "rank": 0 if settings.receiver else 1,
        "addresses": [own, other] if settings.receiver else [other, own],
        "protocol": PROTOCOLS[settings.protocol],
        "both_learn": settings.both_learn,
        "input": str(folder / "input.csv"),
        "output": str(folder / "output.csv"),
        "folder": str(folder),
        "seconds": settings.seconds,
    }
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    with (folder / "errors.txt").open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own file, under the configured interpreter
            [settings.python or sys.executable, "-I", str(_WORKER)],
            cwd=folder,
            env={**environment, "TMPDIR": str(folder), "HOME": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    if process.stdin is not None:
        with suppress(OSError):  # it has ended already: its exit status tells
            process.stdin.write(json.dumps(words).encode() + b"\n")
            process.stdin.flush()
    return process


def _read(process: "subprocess.Popen[bytes]", told: _Told) -> None:
    for line in process.stdout or ():
        _note(line.decode(errors="replace").rstrip(), told)


def _note(line: str, told: _Told) -> None:
    if _TRACE in line:
        told.traces.append(line.partition(_TRACE)[2].rstrip("."))
    if not line.startswith("confide "):
        return
    words = json.loads(line.removeprefix("confide "))
    told.percentage = words.get("percentage", told.percentage)
    told.missing = words.get("missing", told.missing)
    if "common" in words:
        told.report = words


def _watch(
    process: "subprocess.Popen[bytes]",
    tunnel: tunnels.Tunnel,
    told: _Told,
    tell: Progress,
    cancelled: threading.Event,
) -> None:
    """Until the worker has ended, or there is no use in waiting for it."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(limits.POLL_SECONDS / 5)
            return
        tell("intersect", told.percentage, 100)
        if cancelled.is_set():
            raise IntersectionFailed("cancelled")
        if tunnel.over and "common" not in told.report:
            raise IntersectionFailed(tunnels.closed(tunnel).message)


def _reason(folder: Path, tunnel: tunnels.Tunnel) -> str:
    if tunnel.over:
        return tunnels.closed(tunnel).message
    with suppress(OSError, IndexError):
        last = (folder / "errors.txt").read_text(errors="replace").strip().splitlines()[-1]
        return f"the library failed: {last[:200]}"
    return "the library ended without an outcome"


def error_of(cause: ConfideError) -> IntersectionFailed:
    """A tunnel that could not be opened, as a failure of the intersection."""
    return IntersectionFailed(cause.message, blame=cause.blame)
