"""What a party writes down of a task under way, sealed, so that a process started anew can go on.

tasks/ID/journal.sealed    removed when the task has ended, well or not
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from confide.app.attested import VerifiedEnclave
from confide.core import limits
from confide.core.errors import ConfigurationError, EnclaveReplaced, JournalInvalid, KeyStoreError
from confide.core.ports import Randomness
from confide.crypto.journal_key import JournalKey
from confide.crypto.private_files import read_private, replace_private
from confide.party import written
from confide.party.standing import Standing
from confide.party.written import Written
from confide.protocol.blocks import EnclaveIdentity, same_software
from confide.protocol.kinds import Kind
from confide.protocol.messages import Message

JOURNAL = "journal.sealed"
COMMON = "common.sealed"
"""Which ids are common (common_rows.py)."""
COMMON_ROWS_GONE = "the rows in common are not written down any more: start the task again"
_STEPS = frozenset({
    Kind.PROPOSAL, Kind.ACCEPT, Kind.COMMIT, Kind.SIGNATURE, Kind.CONFIRM, Kind.OPENING, Kind.FETCH,
    Kind.ACKNOWLEDGE, Kind.COUNTERSIGNATURE, Kind.PROGRESS,
})  # fmt: skip
"""Before one of these is sent, it is written down what this party will have said."""


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the task's own files lie, for the process that goes on."""

    kind: str = ""
    """The initiator's: "train" or "predict"."""
    files: tuple[str, ...] = ()
    """The initiator's: its task file, then those of the rounds that follow."""
    dataset: str = ""
    """A provider's: of the round under way."""


NOWHERE = Origin()


class _Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    origin: Origin
    standing: msgspec.Raw


@dataclass(slots=True)
class TaskJournal:
    """Of one task of ours."""

    folder: Path
    key: JournalKey
    randomness: Randomness
    origin: Origin = NOWHERE

    @property
    def exists(self) -> bool:
        """Whether a process of ours was in the middle of this task."""
        return (self.folder / JOURNAL).exists()

    def step(self, message: Message, standing: Standing, enclave: EnclaveIdentity, generation: int) -> None:
        """Before we say `message`. Raises ConfigurationError when it can't be written."""
        if message.kind not in _STEPS:
            return
        # What an intersection has left of a dataset goes with our process: the whole is what lies there.
        dataset = standing.given.yes.dataset if standing.given is not None else standing.dataset
        if dataset is not None and not self.origin.files:
            path = getattr(dataset, "path", "")
            self.origin = msgspec.structs.replace(self.origin, dataset=str(path))
        page = _Page(origin=self.origin, standing=msgspec.Raw(written.write(standing, enclave, generation)))
        sealed = self.key.seal(msgspec.json.encode(page), self.randomness)
        try:
            replace_private(self.folder / JOURNAL, sealed)
        except OSError as cause:
            raise ConfigurationError(f"{self.folder / JOURNAL}: {cause.strerror}") from None

    def read(self) -> Written:
        """Raises JournalInvalid. The origin is known afterwards."""
        try:
            sealed = read_private(self.folder / JOURNAL, limit=limits.MAX_JOURNAL_BYTES)
            page = msgspec.json.decode(self.key.open(sealed), type=_Page)
        except KeyStoreError as cause:
            raise JournalInvalid(cause.message) from None
        except (msgspec.MsgspecError, ValueError, RecursionError) as cause:
            raise JournalInvalid(f"the journal can't be read: {cause}") from None
        self.origin = page.origin
        return written.read(bytes(page.standing))

    def remove(self) -> None:
        """The task has ended: nothing is to be taken up. Idempotent."""
        for name in (JOURNAL, COMMON):
            (self.folder / name).unlink(missing_ok=True)


def check_succession(found: VerifiedEnclave, identity: EnclaveIdentity, generation: int) -> None:
    """The enclave that we talked to last, `generation` of the task; or one that took its place later.

    So of two enclaves that a host runs at a time, only one can go on: whoever has turned to the later one
    does not come back. Raises EnclaveReplaced.
    """
    if found.identity == identity:
        return
    if found.generation <= generation:
        raise EnclaveReplaced(
            f"another enclave answers, and it is number {found.generation} of this task, not later than ours "
            f"(number {generation})",
            blame="platform",
        )
    if not same_software(found.identity, identity):
        text = "the enclave that is to take up the task runs other software, or under another trust root"
        raise EnclaveReplaced(text, blame="platform")
