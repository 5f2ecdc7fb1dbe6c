"""One private set intersection, from our ids to the rows that the other side has, too.

The library runs in a child process (worker.py), on files in a private folder that is removed whatever
happens: they hold ids. What it says to the other side goes through a tunnel (tunnel.py). A tunnel that breaks
may be followed by another.
"""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.errors import IntersectionFailed, TransportError
from confide.core.ports import Progress, Randomness
from confide.data.arrow import Array
from confide.data.arrow import field as field_of
from confide.mpc import tunnel as tunnels
from confide.mpc.cache import Cache
from confide.mpc.greeting import HANDLE_BYTES, KEPT, Greeting
from confide.mpc.tokens import tokens_of
from confide.mpc.work_folder import private_folder
from confide.mpc.worker_process import run_worker

Rows = npt.NDArray[np.int64]
OpenTunnel = Callable[[Callable[[], int]], AbstractContextManager[tunnels.Tunnel]]
"""Given our program's port, as a function: the tunnel to the other side, which is there when it returns."""

UNBALANCED: Final = "unbalanced"
PROTOCOLS: Final = {"rr22": "RR22", "kkrt": "KKRT", "ecdh": "ECDH", UNBALANCED: ""}
"""By the name in the Task: the library's."""
_KEY_BYTES: Final = 32
_DECOY_ROW: Final = -1
_SLICE_ROWS: Final = 1_048_576


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
    cache: Cache | None = None
    """Unbalanced: what is kept for the next time."""


@dataclass(slots=True)
class Found:
    """The outcome at our side."""

    rows: Rows | None = field(repr=False)
    """Of our ids, ascending, those that the other side has, too; None where only the other side learns."""
    sent: int
    received: int
    """Bytes, without frames and TLS."""
    linking: float
    """Seconds until the library had reached the other side."""
    cached: bool = False
    """Whether the provider's cache was used as it was."""


@dataclass(slots=True, kw_only=True)
class Intersecting:
    """One intersection, in as many attempts as it takes."""

    folder: Path
    settings: Settings
    ids: str
    """Digest of our ids, in our order."""
    count: int
    fresh: str
    """Unbalanced: handle of a cache that we make."""
    key: str = field(repr=False)
    """Unbalanced: under which a provider's ids are evaluated that have no cache yet, hexadecimal."""
    tell: Progress
    cancelled: threading.Event
    held: str = ""
    """Unbalanced: handle of the cache that lies opened in our folder."""
    found: Found | None = None

    def attempt(self, open_tunnel: OpenTunnel, keep: Callable[[Found], None]) -> Found:
        """Both sides call this at about the same time; `keep` writes our outcome down.

        When this returns, both have their outcome. Raises:
            IntersectionFailed: it came to no end; it may be tried again.
            MpcUnavailable: the library is not there.
        """
        port = _free_port()
        try:
            with open_tunnel(lambda: port) as tunnel:
                theirs = self._greet(tunnel)
                if self.found is None or not theirs.found:
                    self.found = self._run(tunnel, port, theirs)
                    keep(self.found)
                self._part(tunnel)
        except TransportError as lost:
            raise IntersectionFailed(lost.message, blame=lost.blame) from None
        return self.found

    def _greet(self, tunnel: tunnels.Tunnel) -> Greeting:
        ours = Greeting(found=self.found is not None, cache=self.held, fresh=self.fresh)
        tunnel.say(ours.encode())
        return Greeting.decode(self._hear(tunnel))

    def _part(self, tunnel: tunnels.Tunnel) -> None:
        """Who has its outcome waits for the other's word that it has, too."""
        tunnel.say(KEPT)
        if self._hear(tunnel) != KEPT:
            raise IntersectionFailed("the other side does not say that it has its outcome")

    def _hear(self, tunnel: tunnels.Tunnel) -> bytes:
        for _ in range(int(self.settings.seconds / limits.POLL_SECONDS)):
            if self.cancelled.is_set():
                raise IntersectionFailed("cancelled")
            try:
                return tunnel.hear(limits.POLL_SECONDS)
            except TimeoutError:
                continue
        raise IntersectionFailed("the other side is silent")

    def _run(self, tunnel: tunnels.Tunnel, port: int, theirs: Greeting) -> Found:
        settings, output = self.settings, self.folder / "output.csv"
        output.unlink(missing_ok=True)
        modes = self._modes(theirs)
        words = {
            **_addresses(settings, (port, tunnel.port)),
            "id": settings.name,
            "both_learn": settings.both_learn,
            "input": str(self.folder / "input.csv"),
            "output": str(output),
            "folder": str(self.folder),
            "protocol": PROTOCOLS[settings.protocol],
            "modes": modes,
            "cache": str(self.folder / "cache"),
            "key": self.key,
            "seconds": settings.seconds,
            "count": self.count,
        }
        told = run_worker(
            self.folder, words, settings.python, tunnel=tunnel, tell=self.tell, cancelled=self.cancelled
        )
        self._keep_cache(theirs)
        learns = settings.receiver or settings.both_learn
        rows = _read_output(output) if learns else None
        linked = float(told.report.get("linked", 0))
        return Found(rows, tunnel.sent, tunnel.received, linked, cached="FULL" not in modes)

    def _modes(self, theirs: Greeting) -> list[str]:
        """Unbalanced, by what both have: evaluate the provider's ids, or send what it has, or neither."""
        if self.settings.protocol != UNBALANCED:
            return []
        provider, initiator = (
            (theirs.cache, self.held) if self.settings.receiver else (self.held, theirs.cache)
        )
        if provider and provider == initiator:
            return ["ONLINE"]
        if self.settings.receiver or not provider:
            shutil.rmtree(self.folder / "cache", ignore_errors=True)
        return ["OFFLINE_TRANSFER_CACHE", "ONLINE"] if provider else ["FULL"]

    def _keep_cache(self, theirs: Greeting) -> None:
        """The provider's own word names a cache that was just made."""
        settings = self.settings
        if settings.protocol != UNBALANCED or settings.cache is None:
            return
        handle = (theirs.cache or theirs.fresh) if settings.receiver else (self.held or self.fresh)
        if handle == self.held:
            return
        try:
            settings.cache.keep(self.folder / "cache", handle, "" if settings.receiver else self.ids)
        except OSError:
            return  # a cache that can't be kept is made again the next time
        self.held = handle


@contextmanager
def intersecting(
    ids: Array,
    settings: Settings,
    *,
    randomness: Randomness,
    tell: Progress,
    cancelled: threading.Event,
) -> Iterator[Intersecting]:
    """What attempts need, in a private folder that is removed in the end. `ids` has each id once."""
    with private_folder(settings.folder) as folder:
        digest = _write_input(folder / "input.csv", ids, decoy="y" if settings.receiver else "z")
        made = Intersecting(
            folder=folder,
            settings=settings,
            ids=digest,
            count=len(ids),
            fresh=randomness.bytes(HANDLE_BYTES).hex(),
            key=randomness.bytes(_KEY_BYTES).hex(),
            tell=tell,
            cancelled=cancelled,
        )
        if settings.protocol == UNBALANCED and settings.cache is not None:
            made.held = settings.cache.open(folder / "cache", "" if settings.receiver else digest)
        yield made


def _addresses(settings: Settings, ports: tuple[int, int]) -> dict[str, Any]:
    """In the order of ranks: the receiver's first."""
    own, other = (f"{tunnels.LOOPBACK}:{port}" for port in ports)
    return {
        "rank": 0 if settings.receiver else 1,
        "addresses": [own, other] if settings.receiver else [other, own],
    }


def _write_input(path: Path, ids: Array, *, decoy: str) -> str:
    """With one id that nobody else has, since the library takes no empty set; always the same one for the
    same ids, since a cache holds it. No token begins with `decoy`. Returns a digest of the ids.
    """
    schema = pa.schema([field_of("id", pa.large_string()), field_of("row", pa.int64())])
    digests = []
    with csv.CSVWriter(path, schema, write_options=csv.WriteOptions(quoting_style="none")) as writer:
        for start in range(0, len(ids), _SLICE_ROWS):
            tokens = tokens_of(ids.slice(start, _SLICE_ROWS))
            rows = pa.array(np.arange(start, start + len(tokens)))
            batch = pa.record_batch([tokens, rows], schema=schema)
            digests.append(sha384_hex(batch.serialize().to_pybytes()))
            writer.write_batch(batch)
        digest = sha384_hex("".join(digests).encode())
        last = [pa.array([decoy + digest[:32]], pa.large_string()), pa.array([_DECOY_ROW])]
        writer.write_batch(pa.record_batch(last, schema=schema))
    return digest


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
