"""Which of our ids are common, written down as soon as it is known, sealed: so that a party's process that
dies afterwards need not intersect again, with a party that has long gone on.

tasks/ID/common.sealed     removed with the task's journal
"""

from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt

from confide.app.resuming import COMMON, TaskJournal
from confide.core import limits
from confide.core.errors import ConfigurationError, JournalInvalid, KeyStoreError
from confide.crypto.private_files import read_private, replace_private

Rows = npt.NDArray[np.int64]


class Kept(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The outcome of one run at our side."""

    common: bytes | None
    """A bit for each id that we brought, eight to a byte; None: we do not learn it."""
    sent: int
    received: int
    heard: bool = False
    """Whether the other side has said that it has its outcome, too."""

    def __repr__(self) -> str:
        return f"Kept(heard={self.heard})"

    @classmethod
    def of(cls, rows: Rows | None, count: int, sent: int, received: int) -> "Kept":
        """`rows`: which of our `count` ids are common."""
        bits = None
        if rows is not None:
            chosen = np.zeros(count, np.bool_)
            chosen[rows] = True
            bits = np.packbits(chosen).tobytes()
        return cls(common=bits, sent=sent, received=received)

    def rows(self, count: int) -> Rows | None:
        """Of `count` ids, which are common. Raises JournalInvalid."""
        if self.common is None:
            return None
        bits = np.unpackbits(np.frombuffer(self.common, np.uint8))
        if not count <= bits.size < count + 8 or bits[count:].any():
            raise JournalInvalid("the rows in common are of other ids than the dataset has now")
        return np.flatnonzero(bits[:count])


class _Runs(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    dataset: str
    """Digest of the manifest of what we brought."""
    runs: dict[int, Kept]


@dataclass(slots=True)
class CommonRows:
    """Of one task of ours."""

    journal: TaskJournal
    _tasks: dict[str, _Runs] = field(default_factory=dict)
    _read: bool = False

    def of(self, agreed: str, dataset: str) -> dict[int, Kept]:
        """By the number of the run: what is known. `agreed`: digest of the Task. Raises JournalInvalid."""
        self._load()
        known = self._tasks.setdefault(agreed, _Runs(dataset=dataset, runs={}))
        if known.dataset != dataset:
            raise JournalInvalid("the dataset has changed since the rows in common were found")
        return known.runs

    def write(self) -> None:
        """Before anybody hears of it. Raises ConfigurationError."""
        path = self.journal.folder / COMMON
        try:
            sealed = self.journal.key.seal(msgspec.msgpack.encode(self._tasks), self.journal.randomness)
            replace_private(path, sealed)
        except OSError as cause:
            raise ConfigurationError(f"{path}: {cause.strerror}") from None

    def _load(self) -> None:
        path = self.journal.folder / COMMON
        if self._read or not path.exists():
            return
        try:
            sealed = read_private(path, limit=limits.MAX_COMMON_ROWS_BYTES)
            self._tasks = msgspec.msgpack.decode(self.journal.key.open(sealed), type=dict[str, _Runs])
        except KeyStoreError as cause:
            raise JournalInvalid(cause.message) from None
        except (msgspec.MsgspecError, ValueError, RecursionError) as cause:
            raise JournalInvalid(f"the rows in common can't be read: {cause}") from None
        self._read = True
