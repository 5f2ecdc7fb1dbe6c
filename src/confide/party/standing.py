"""Where a party stands in its task: all that it needs to go on when its channel is lost.

It outlives every channel. What belongs to one channel only (its keys, its state) is not here.
"""

from dataclasses import dataclass, field

from confide.core.digest import digest_of
from confide.party.checks import Expected, Finished
from confide.party.ports import Dataset, Yes
from confide.protocol.blocks import Block, SignedBlock
from confide.protocol.messages import Checkpoint, ModelReference, Offer, ReceiptToSign, Result
from confide.protocol.receipts import PrivatePart, SignedReceipt
from confide.protocol.terms import Listed


@dataclass(frozen=True, slots=True)
class Given:
    """A provider's consent, and the offer that it answered: the same offer gets the same answer."""

    offer: Offer
    yes: Yes


@dataclass(slots=True)
class Download:
    """What has come of a result so far."""

    result: Result
    data: bytearray = field(default_factory=bytearray, repr=False)


@dataclass(slots=True)
class Standing:
    """One party, one task."""

    finished: dict[str, Finished] = field(default_factory=dict)
    """The rounds that we saw finish, by the digests of their blocks, in order."""
    reports: list[PrivatePart] = field(default_factory=list)
    certificates: dict[str, str] = field(default_factory=dict)
    """Of those who have signed blocks with us: PEM, by name."""
    expected: Expected | None = None
    """The agreement of the round under way, as we hold it."""
    dataset: Dataset | None = None
    salt: bytes = field(default=b"", repr=False)
    """Of our last commitment."""
    storage_key: bytes = field(default=b"", repr=False)
    """Under which enclaves keep our blocks at the host; made at the first opening of the task."""
    checkpoint: Checkpoint | None = None
    """The newest that we were told of, in this round."""
    block: Block | None = None
    """The last that we have signed."""
    signed: tuple[str, ...] = ()
    """Digests of all blocks of that agreement that we have signed, with one enclave after another."""
    agreed: SignedBlock | None = None
    """The last that all have signed."""
    opened: str = ""
    """Digest of the last block under which we have opened our commitment."""
    notice: str = ""
    """A provider's: the initiator's commitment, as it was told."""
    given: Given | None = None
    """A provider's last consent."""
    listing: tuple[Listed, ...] = ()
    """An initiator's: the algorithms of the measured image."""
    own_model: ModelReference | None = None
    """An initiator's: the model that was trained in this task, with its papers."""
    trained_by: bytes = b""
    """The public key of the enclave that trained it: another one has to be brought it."""
    download: Download | None = None
    """An initiator's."""
    draft: tuple[ReceiptToSign, bytes] | None = None
    """The receipt that we have countersigned, and our signature."""
    receipt: SignedReceipt | None = None
    """As we keep it."""
    away_since: int | None = None
    """When our channel was lost, by our own clock; None while there has been only one."""

    @property
    def agreed_digest(self) -> str | None:
        """Hexadecimal SHA-384 of the last agreed block."""
        return digest_of(self.agreed.block) if self.agreed is not None else None
