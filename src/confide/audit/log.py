"""The log's file: append only, one writer at a time, on the disk before its caller goes on."""

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confide.audit.entry import DONE, OWNER, Entry, Event, Moment, Object, Operation, chained, decode
from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.errors import AuditInvalid, AuditUnavailable, ConfideError
from confide.core.ports import Clock
from confide.crypto.private_files import exposed, sync_directory

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class AuditLog:
    """A party's or host's own log. May be used from several threads and processes at a time.

    The file is opened anew for each entry: whoever else has written to it in between is followed.
    """

    def __init__(
        self,
        path: Path,
        owner: str,
        clock: Clock,
        *,
        actor: str = OWNER,
        full: type[ConfideError] = AuditUnavailable,
    ) -> None:
        """`owner`: the URI of the identity whose log it is, empty if there is none yet; `actor`: its name;
        `full`: what is raised when there is no room on the disk.
        """
        self.path = path
        self.owner = owner
        self.actor = actor
        self._clock = clock
        self._full = full
        self._last: Entry | None = None

    def append(self, event: Event) -> Entry:
        """Write `event`; it is on the disk when this returns.

        Raises:
            AuditUnavailable: the file can't be locked or written, or is open to other users.
            AuditInvalid: its last line is no entry, or what we wrote before is gone.
        """
        with self._locked() as descriptor:
            self._last = self._write(descriptor, self._latest(descriptor), event)
            return self._last

    def latest(self) -> Entry:
        """The last entry, for a head over it. A log that is not there yet is begun. Raises as `append`."""
        with self._locked() as descriptor:
            self._last = self._latest(descriptor)
            return self._last

    def _latest(self, descriptor: int) -> Entry:
        last = self._end_of(descriptor)
        self._check_kept(last)
        return last or self._write(descriptor, None, self._own(Operation.BEGIN))

    def _own(self, operation: Operation, what: Object | None = None) -> Event:
        return Event(actor=self.actor, operation=operation, moment=Moment.AFTER, outcome=DONE, object=what)

    def _write(self, descriptor: int, last: Entry | None, event: Event) -> Entry:
        entry = chained(event, last, log=self.owner, time=self._clock.now())
        if len(entry.line()) > limits.MAX_AUDIT_LINE_BYTES:
            raise AuditUnavailable(f"{self.path}: an entry is longer than MAX_AUDIT_LINE_BYTES")
        end = os.fstat(descriptor).st_size
        try:
            _write_whole(descriptor, entry.line())
        except OSError:
            os.ftruncate(descriptor, end)  # half of it may have found room
            raise
        return entry

    def _check_kept(self, last: Entry | None) -> None:
        ours = self._last
        if ours is None or (last is not None and last.number > ours.number) or last == ours:
            return
        raise AuditInvalid(f"{self.path}: line {ours.number}, which we wrote, is gone or altered")

    @contextmanager
    def _locked(self) -> Iterator[int]:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            is_new = not self.path.exists()
            descriptor = os.open(self.path, flags, 0o600)
        except OSError as cause:
            raise AuditUnavailable(f"{self.path}: {cause.strerror}") from None
        try:
            problem = exposed(os.fstat(descriptor).st_mode)
            if problem:
                raise AuditUnavailable(f"{self.path} {problem}")
            self._lock(descriptor)
            if is_new:
                sync_directory(self.path.parent)
            yield descriptor
        except OSError as cause:
            kind = self._full if cause.errno in _NO_ROOM else AuditUnavailable
            raise kind(f"{self.path}: {cause.strerror}") from None
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        deadline = self._clock.monotonic() + limits.AUDIT_LOCK_SECONDS
        waiting = threading.Event()
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._clock.monotonic() > deadline:
                    raise AuditUnavailable(f"{self.path}: another writer holds it") from None
                waiting.wait(limits.POLL_SECONDS / 100)
            else:
                return

    def _end_of(self, descriptor: int) -> Entry | None:
        """The last entry, after a torn line has been dealt with; None if there is none."""
        size = os.fstat(descriptor).st_size
        start = max(0, size - 2 * limits.MAX_AUDIT_LINE_BYTES)
        whole, end, torn = os.pread(descriptor, size - start, start).rpartition(b"\n")
        if start and not end:
            raise AuditInvalid(f"{self.path}: its last line is too long to be an entry")
        last = decode(whole.rpartition(b"\n")[2]) if end else None
        if last is not None and last.digest != last.true_digest():
            raise AuditInvalid(f"{self.path}: line {last.number} was altered")
        return self._mend(descriptor, last, torn, size) if torn else last

    def _mend(self, descriptor: int, last: Entry | None, torn: bytes, size: int) -> Entry:
        """A crash left a line without its end: complete it if it is whole, else cut it off and say so."""
        whole = _whole(torn, last)
        if whole is not None:
            os.write(descriptor, b"\n")
            os.fsync(descriptor)
            return whole
        os.ftruncate(descriptor, size - len(torn))
        if last is None:
            last = self._write(descriptor, None, self._own(Operation.BEGIN))
        what = Object(kind="torn-line", digest=sha384_hex(torn), bytes=len(torn))
        return self._write(descriptor, last, self._own(Operation.RECOVER, what))


def _write_whole(descriptor: int, rest: bytes) -> None:
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def _whole(torn: bytes, last: Entry | None) -> Entry | None:
    try:
        entry = decode(torn)
    except AuditInvalid:
        return None
    follows = last is None or (entry.number, entry.previous) == (last.number + 1, last.digest)
    return entry if follows and entry.digest == entry.true_digest() else None
