"""The library's process (worker.py): started, listened to, and ended whatever happens."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from confide.core import limits
from confide.core.errors import IntersectionFailed, MpcUnavailable
from confide.core.ports import Progress
from confide.mpc import tunnel as tunnels
from confide.mpc.life import Life

_WORKER: Final = Path(__file__).with_name("worker.py")
_NOT_THERE: Final = 4
_BUCKET_BEGINS: Final = re.compile(r"run psi bucket_idx=(\d+)")
_BUCKET_ENDS: Final = "get intersection end"
_BATCH: Final = re.compile(r"SendDualMaskedItems to peer: all, batch=(\d+), end")
"""How far the library has come, in its log: it calls nobody back (0.9.5)."""
_BUCKET_IDS: Final = 1 << 20
_BATCH_IDS: Final = 65_536
_TRACE: Final = "Trace has been written to "
ERRORS: Final = "errors.txt"


@dataclass(slots=True)
class Told:
    """What the worker has said."""

    done: int = 0
    """Ids that the library is through with."""
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
    told = Told()
    for line in done.stdout.decode(errors="replace").splitlines():
        _note(line, told)
    if done.returncode != 0:
        raise MpcUnavailable(f"spu is not usable under {command[0]}: {told.missing or 'it does not load'}")


def run_worker(
    folder: Path,
    words: dict[str, Any],
    python: str,
    *,
    tunnel: tunnels.Tunnel,
    tell: Progress,
    cancelled: threading.Event,
) -> Told:
    """`words`: its settings, and `count`, of our ids. Raises IntersectionFailed, MpcUnavailable."""
    process = _start(folder, words, python)
    told, total = Told(), int(words["count"])
    reading = threading.Thread(target=_read, args=(process, told), daemon=True)
    reading.start()
    try:
        with Life(process.pid, tunnel) as life:
            _watch(process, life, told, cancelled, lambda: tell("intersect", min(told.done, total), total))
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


def _start(folder: Path, words: dict[str, Any], python: str) -> "subprocess.Popen[bytes]":
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    with (folder / ERRORS).open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own file, under the configured interpreter
            [python or sys.executable, "-I", str(_WORKER)],
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


def _read(process: "subprocess.Popen[bytes]", told: Told) -> None:
    for line in process.stdout or ():
        _note(line.decode(errors="replace").rstrip(), told)


def _note(line: str, told: Told) -> None:
    if _TRACE in line:
        told.traces.append(line.partition(_TRACE)[2].rstrip("."))
    if bucket := _BUCKET_BEGINS.search(line):
        told.done = int(bucket[1]) * _BUCKET_IDS
    if _BUCKET_ENDS in line:
        told.done += _BUCKET_IDS
    if batch := _BATCH.search(line):
        told.done = (int(batch[1]) + 1) * _BATCH_IDS
    if not line.startswith("confide "):
        return
    words = json.loads(line.removeprefix("confide "))
    told.missing = words.get("missing", told.missing)
    if "common" in words:
        told.report = words


def _watch(
    process: "subprocess.Popen[bytes]",
    life: Life,
    told: Told,
    cancelled: threading.Event,
    tell: Callable[[], None],
) -> None:
    """Until the worker has ended, or there is no use in waiting for it."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(limits.POLL_SECONDS / 5)
            return
        tell()
        if cancelled.is_set():
            raise IntersectionFailed("cancelled")
        if life.gone():
            raise IntersectionFailed("the library hangs: for a while neither side computes or sends")
        if life.tunnel.over and "common" not in told.report:
            raise IntersectionFailed(tunnels.closed(life.tunnel).message)


def _reason(folder: Path, tunnel: tunnels.Tunnel) -> str:
    if tunnel.over:
        return tunnels.closed(tunnel).message
    with suppress(OSError, IndexError):
        last = (folder / ERRORS).read_text(errors="replace").strip().splitlines()[-1]
        return f"the library failed: {last[:200]}"
    return "the library ended without an outcome"
