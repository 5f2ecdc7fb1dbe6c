"""A party's standing as it is written down, so that another process can go on where one died.

The dataset is not in it, only where it lies; nor is what has come of a result (see `Records.part`).
"""

import msgspec

from confide.core import canonical
from confide.core.errors import JournalInvalid
from confide.party.checks import Expected, Finished
from confide.party.ports import Dataset, Yes
from confide.party.standing import Download, Given, Standing
from confide.protocol.blocks import Block, EnclaveIdentity, SignedBlock
from confide.protocol.messages import Checkpoint, ModelReference, Offer, ReceiptToSign, Result
from confide.protocol.receipts import PrivatePart, SignedReceipt
from confide.protocol.terms import Consent, Listed


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Standing, field by field; and the enclave that this party last talked to."""

    enclave: EnclaveIdentity
    generation: int
    finished: dict[str, Finished]
    reports: list[PrivatePart]
    certificates: dict[str, str]
    expected: Expected | None
    salt: bytes
    storage_key: bytes
    checkpoint: Checkpoint | None
    block: Block | None
    signed: tuple[str, ...]
    agreed: SignedBlock | None
    opened: str
    notice: str
    offer: Offer | None
    consent: Consent | None
    listing: tuple[Listed, ...]
    own_model: ModelReference | None
    trained_by: bytes
    result: Result | None
    draft: tuple[ReceiptToSign, bytes] | None
    receipt: SignedReceipt | None

    def __repr__(self) -> str:
        return f"Written(rounds={len(self.finished)})"


_SAME = (
    "finished", "reports", "certificates", "expected", "salt", "block", "signed", "agreed", "opened",
    "notice", "listing", "storage_key", "checkpoint", "own_model", "trained_by", "draft", "receipt",
)  # fmt: skip


def write(standing: Standing, enclave: EnclaveIdentity, generation: int) -> bytes:
    """JSON."""
    given, download = standing.given, standing.download
    return msgspec.json.encode(
        Written(
            enclave=enclave,
            generation=generation,
            offer=given.offer if given else None,
            consent=given.yes.consent if given else None,
            result=download.result if download else None,
            **{name: getattr(standing, name) for name in _SAME},
        )
    )


def read(data: bytes) -> Written:
    """Raises JournalInvalid for everything that `write` has not written."""
    try:
        return msgspec.json.decode(data, type=Written)
    except (msgspec.MsgspecError, ValueError, RecursionError) as cause:
        raise JournalInvalid(f"the journal can't be read: {cause}") from None


def standing_of(written: Written, dataset: Dataset | None, came: bytes) -> Standing:
    """`dataset`: of the round under way; `came`: of its result, so far."""
    standing = Standing(**{name: getattr(written, name) for name in _SAME})
    standing.dataset = dataset
    if written.offer is not None and written.consent is not None and dataset is not None:
        standing.given = Given(written.offer, Yes(written.consent, dataset))
    if written.result is not None:
        standing.download = Download(written.result, bytearray(came[: written.result.statement.bytes]))
    return standing


def check_jobs_fit(written: Written, tasks: list[bytes]) -> None:
    """The tasks that are to be done (canonical) are those that were under way. Raises JournalInvalid."""
    rounds = [done.block.task for done in written.finished.values()]
    if written.expected is not None and written.block is not None and not _over(written):
        rounds.append(written.expected.task)
    if [canonical.encode(task) for task in rounds] != tasks[: len(rounds)]:
        raise JournalInvalid("the task file is not the one that this task was started with")


def _over(written: Written) -> bool:
    return written.block in [done.block for done in written.finished.values()]
