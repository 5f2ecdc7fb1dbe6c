"""Reading a whole log: every line in its place, and the first that is not, by its number."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal

import msgspec
from msgspec import Meta

from confide.audit.entry import NOTHING_BEFORE, Count, Digest, Entry, LogName, Seconds, decode
from confide.core import canonical, limits
from confide.core.errors import AuditInvalid, ConfigurationError

EXPORT_FORMAT: Final = "confide-audit-export/1"


class ExportHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first line of an export; the log's own lines follow, unchanged."""

    format: Literal["confide-audit-export/1"] = EXPORT_FORMAT
    log: LogName
    certificate: Annotated[str, Meta(max_length=limits.MAX_CERTIFICATE_BYTES)] | None
    """PEM of the owner's identity, if it has one."""
    exported_at: Seconds
    entries: Count
    sha384: Digest
    """Of the bytes that follow this line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log, read but not yet placed."""

    number: int
    """Counted from 1, the header of an export left out."""
    entry: Entry | None
    problem: str = ""


@dataclass(slots=True)
class Chain:
    """What was read. `broken` names the first line that does not fit; the rest is read all the same."""

    name: str
    entries: list[Entry] = field(default_factory=list)
    broken: str = ""
    torn: bool = False
    """The last line has no end: a crash, which the next writer tells of."""
    header: ExportHeader | None = None
    """Of an export."""

    @property
    def owner(self) -> str:
        """The one identity that the entries name; empty if none does. Raises AuditInvalid for two."""
        owners = {entry.log for entry in self.entries if entry.log}
        if len(owners) > 1:
            raise AuditInvalid(f"{self.name}: entries of more than one log: {', '.join(sorted(owners))}")
        return next(iter(owners), "")

    def require_whole(self) -> None:
        """Raises AuditInvalid, naming the first line that does not fit."""
        if self.broken:
            raise AuditInvalid(f"{self.name}: {self.broken}", blame=self.owner.rpartition(":")[2] or None)


def read_chain(path: Path) -> Chain:
    """Read a log or an export of one; what is wrong with it is in `broken`.

    Raises ConfigurationError: the file can't be read.
    """
    chain = Chain(str(path))
    try:
        with path.open("rb") as file:
            for line in _lines(file, chain):
                _place(line, chain)
    except OSError as cause:
        raise ConfigurationError(f"{path}: {cause.strerror}") from None
    return chain


def _lines(file: BinaryIO, chain: Chain) -> Iterator[Line]:
    number = 0
    state = hashlib.sha384()
    for raw in iter(lambda: file.readline(limits.MAX_AUDIT_LINE_BYTES + 1), b""):
        if number == 0 and chain.header is None:
            chain.header = _header(raw)
            if chain.header is not None:
                continue
        state.update(raw)
        number += 1
        if not raw.endswith(b"\n"):
            if len(raw) > limits.MAX_AUDIT_LINE_BYTES:
                chain.broken = chain.broken or f"line {number} is too long to be an entry"
            if chain.header is not None:
                chain.broken = chain.broken or f"the export was cut off in line {number}"
            chain.torn = True
            return
        try:
            yield Line(number, decode(raw[:-1]))
        except AuditInvalid as cause:
            yield Line(number, None, cause.message)
    header = chain.header
    if header is not None and (header.entries, header.sha384) != (number, state.hexdigest()):
        chain.broken = chain.broken or "the export holds other lines than its first line says"


def _header(raw: bytes) -> ExportHeader | None:
    try:
        return canonical.decode(raw[:-1], ExportHeader)
    except canonical.NotCanonical:
        return None


def _place(line: Line, chain: Chain) -> None:
    if not chain.broken:
        chain.broken = _problem(line, chain.entries[-1] if chain.entries else None)
    if line.entry is not None:
        chain.entries.append(line.entry)


def _problem(line: Line, before: Entry | None) -> str:
    """Why this line does not belong after `before`; empty if it does."""
    entry, expected = line.entry, before.number + 1 if before else 1
    if entry is None:
        return f"line {line.number} was altered: {line.problem}"
    if entry.digest != entry.true_digest():
        return f"line {line.number} was altered: its digest is not that of its content"
    if entry.number > expected:
        more = f", and all up to line {entry.number - 1}" if entry.number - 1 > expected else ""
        return f"line {expected} is missing{more}"
    if entry.number < expected:
        return f"line {line.number} is out of order: it is entry {entry.number}, expected {expected}"
    if entry.previous != (before.digest if before else NOTHING_BEFORE):
        return f"line {line.number} follows another line than the one before it: one of the two was replaced"
    return ""
