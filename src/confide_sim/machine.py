"""The SIMULATED machine as a process: `confide-sim machine --dir DIR`.

DIR/machine.json     its seed (mode 0600; made at first start; never leaves the folder)
DIR/root.pem         the root that a verifier names to trust it
DIR/collateral.json  what its PCCS (pccs.py) serves; renewed daily
DIR/machine.sock     loaders ask here (launch.py): one JSON line each way
DIR/quote.sock       enclaves ask here: 64 bytes of report data → u32 length, quote (big-endian; 0: refused)
"""

import os
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import msgspec

from confide.attestation.quote import REPORT_DATA_BYTES
from confide.core import limits
from confide.core.errors import ConfigurationError
from confide.core.ports import Clock, Randomness
from confide_sim import keys
from confide_sim.admission import MAX_REQUEST_BYTES, Admissions, LaunchRequest, Refused
from confide_sim.image import ENTRY, FileDigests, Image, measure
from confide_sim.processes import Process
from confide_sim.tee import SimulatedTee

COLLATERAL_FILE: Final = "collateral.json"
ROOT_FILE: Final = "root.pem"
MACHINE_SOCKET: Final = "machine.sock"
QUOTE_SOCKET: Final = "quote.sock"
_RENEWAL_SECONDS: Final = 86_400
_MAX_SOCKET_PATH: Final = 107
"""unix(7), sun_path, less its NUL."""

Announce = Callable[[dict[str, Any]], None]


class _Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    seed: str
    created_at: int


def open_tee(directory: Path, *, clock: Clock, randomness: Randomness) -> SimulatedTee:
    """The machine kept in `directory`; made there if it is new. Raises ConfigurationError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / "machine.json"
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=_Seed)
    except FileNotFoundError:
        seed = randomness.bytes(keys.SEED_BYTES).hex()
        stored = _Seed("confide-simulated-machine/1", seed, clock.now())
        _write(path, msgspec.json.encode(stored), mode=0o600)
    except msgspec.MsgspecError as cause:
        raise ConfigurationError(f"{path}: {cause}") from None
    return SimulatedTee.from_seed(bytes.fromhex(stored.seed), stored.created_at)


def serve(
    directory: Path, *, clock: Clock, randomness: Randomness, announce: Announce, stop: threading.Event
) -> None:
    """Run the machine until `stop` is set. `announce` gets one dictionary when both sockets answer.

    Raises:
        ConfigurationError: another machine runs in that folder, or the folder can't be used.
    """
    tee = open_tee(directory, clock=clock, randomness=randomness)
    _write(directory / ROOT_FILE, tee.root_pem.encode())
    renewed_at = _renew(tee, directory, clock)
    digests = FileDigests()

    def image_of(entry: Sequence[str]) -> Image:
        return measure(entry, digests)

    measurement = image_of(ENTRY).measurement
    quotes = directory.absolute() / QUOTE_SOCKET
    admissions = Admissions(image_of, quotes)
    with ExitStack() as stack:
        for path, handler in ((directory / MACHINE_SOCKET, _Loader), (quotes, _Enclave)):
            server = stack.enter_context(_Server(_free(path), handler, admissions, tee))
            stack.callback(path.unlink, missing_ok=True)
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        announce(_ready(directory.absolute(), tee, measurement))
        while not stop.wait(limits.POLL_SECONDS):
            if clock.now() - renewed_at >= _RENEWAL_SECONDS:
                renewed_at = _renew(tee, directory, clock)


def _ready(directory: Path, tee: SimulatedTee, measurement: str) -> dict[str, Any]:
    return {
        "event": "ready",
        "machine": str(directory / MACHINE_SOCKET),
        "quotes": str(directory / QUOTE_SOCKET),
        "root": str(directory / ROOT_FILE),
        "root_name": tee.root_name,
        "measurement": measurement,
        "warning": "SIMULATED: this machine protects nothing",
    }


def _renew(tee: SimulatedTee, directory: Path, clock: Clock) -> int:
    """Issue collateral a little in the past, for verifiers whose clock is behind."""
    now = clock.now()
    _write(directory / COLLATERAL_FILE, tee.collateral(now - limits.CLOCK_SKEW_SECONDS))
    return now


def _write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Atomically: a reader sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


def _free(path: Path) -> Path:
    """The path, with a socket that a killed machine left there removed."""
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        raise ConfigurationError(f"{path}: a Unix socket's path has at most {_MAX_SOCKET_PATH} bytes")
    with socket.socket(socket.AF_UNIX) as probe:
        if path.exists() and probe.connect_ex(str(path)) == 0:
            raise ConfigurationError(f"a machine runs already at {path}")
    path.unlink(missing_ok=True)
    return path


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(
        self,
        path: Path,
        handler: type[socketserver.BaseRequestHandler],
        admissions: Admissions,
        tee: SimulatedTee,
    ) -> None:
        self.admissions = admissions
        self.tee = tee
        super().__init__(str(path), handler)
        path.chmod(0o600)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    timeout = limits.QUOTE_SECONDS

    def handle(self) -> None:
        """A peer that breaks off or ends harms nobody but itself."""
        try:
            self.answer(Process.at_peer(self.connection))
        except OSError:
            return

    def answer(self, process: Process) -> None:
        raise NotImplementedError


class _Loader(_Handler):
    def answer(self, process: Process) -> None:
        try:
            line = self.rfile.readline(MAX_REQUEST_BYTES)
            request = msgspec.json.decode(line, type=LaunchRequest)
            reply: Any = self.server.admissions.admit(process, request)
        except (msgspec.MsgspecError, Refused) as refusal:
            reply = {"error": str(refusal)}
        self.wfile.write(msgspec.json.encode(reply) + b"\n")


class _Enclave(_Handler):
    def answer(self, process: Process) -> None:
        try:
            quote = self._quote(process, self.rfile.read(REPORT_DATA_BYTES))
        except Refused:
            quote = b""
        self.wfile.write(struct.pack(">I", len(quote)) + quote)

    def _quote(self, process: Process, report_data: bytes) -> bytes:
        if len(report_data) != REPORT_DATA_BYTES:
            raise Refused("report data is short")
        admitted = self.server.admissions.find(process)
        return self.server.tee.quote(
            report_data, measurement=admitted.reply.measurement, debug=admitted.debug
        )
