"""Every message of the protocol: one frozen struct each (spec/protocol.md, "Messages")."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from confide.core import limits
from confide.protocol.blocks import Block, SignedBlock
from confide.protocol.document import Name, Title
from confide.protocol.kinds import Kind
from confide.protocol.receipts import KeptReceipt, PrivatePart, Receipt, ResultStatement, Round
from confide.protocol.spans import Index, Spans, check_spans
from confide.protocol.terms import Algorithm, Consent, Count, Digest, Listed, Task, Text

VERSION = "confide/1"
ErrorCode = Annotated[str, Meta(pattern=r"^CFD-[0-9]{3}\Z")]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="message"):
    """Base. `kind` is what the transition table judges."""

    kind: ClassVar[Kind]


class JoinStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a party signs when it joins: its key, bound to this task, this enclave and this secret."""

    version: str
    task: str
    party: Name
    certificate: Digest
    enclave_key: Digest
    config: Digest
    sealed_secret: Digest
    finished: Count = 0
    """How many rounds this party has seen finish."""
    agreed: Digest | None = None
    """Digest of the last agreed block that it holds."""


class Join(Message, frozen=True, kw_only=True, tag=Kind.JOIN.value):
    """P to C, in clear on the pinned channel: the session secret, HPKE-sealed to the attested key."""

    kind: ClassVar[Kind] = Kind.JOIN
    statement: JoinStatement
    sealed_secret: Annotated[bytes, Meta(max_length=limits.MAX_SEALED_SECRET_BYTES)]
    signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]


class Listing(Message, frozen=True, kw_only=True, tag=Kind.LISTING.value):
    """C to A: the algorithms inside the measured image."""

    kind: ClassVar[Kind] = Kind.LISTING
    algorithms: tuple[Listed, ...]


class BroughtModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why a fresh enclave may believe a model that A brings: its agreement, and its enclave's signature."""

    trained_under: SignedBlock
    statement: ResultStatement
    signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]


class ModelReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The model that a prediction uses; with its papers when A brings it from an earlier enclave."""

    sha384: Digest
    train_block: Digest
    brought: BroughtModel | None = None


class Recall(Message, frozen=True, kw_only=True, tag=Kind.RECALL.value):
    """C to P, from an enclave that takes the place of one that died: what do you hold of this task?"""

    kind: ClassVar[Kind] = Kind.RECALL


class Past(Message, frozen=True, kw_only=True, tag=Kind.PAST.value):
    """P to C: a signed block that this party holds. From A also what its enclave has signed of the round."""

    kind: ClassVar[Kind] = Kind.PAST
    signed: SignedBlock
    done: Round | None = None
    """As it was signed with the result; None for a round whose result A does not hold."""
    signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)] = b""
    """Of `done`, by the enclave that `signed` names."""


class Recalled(Message, frozen=True, kw_only=True, tag=Kind.RECALLED.value):
    """P to C: that was all."""

    kind: ClassVar[Kind] = Kind.RECALLED
    signed: Digest | None = None
    """Of a block or receipt that this party has signed, but does not hold with everybody's signatures."""
    model: ModelReference | None = None
    """From A: the model that the round under way uses or starts from, with its papers."""
    kept: KeptReceipt | None = None


class Proposal(Message, frozen=True, kw_only=True, tag=Kind.PROPOSAL.value):
    """A to C: this algorithm, for this task; for predictions, with this model."""

    kind: ClassVar[Kind] = Kind.PROPOSAL
    task: Task
    algorithm: Algorithm
    model: ModelReference | None = None


class Refusal(Message, frozen=True, kw_only=True, tag=Kind.REFUSAL.value):
    """C to A: the proposal is refused; A may propose again."""

    kind: ClassVar[Kind] = Kind.REFUSAL
    code: ErrorCode
    reason: Text
    algorithms: tuple[Listed, ...]


class Admission(Message, frozen=True, kw_only=True, tag=Kind.ADMISSION.value):
    """C to A: the proposal is listed and well-formed; the providers are being asked."""

    kind: ClassVar[Kind] = Kind.ADMISSION
    task_digest: Digest


class Offer(Message, frozen=True, kw_only=True, tag=Kind.OFFER.value):
    """C to B: the proposal, word for word."""

    kind: ClassVar[Kind] = Kind.OFFER
    task: Task
    algorithm: Algorithm
    model: ModelReference | None = None


class Accept(Message, frozen=True, kw_only=True, tag=Kind.ACCEPT.value):
    """B to C: yes, within these limits."""

    kind: ClassVar[Kind] = Kind.ACCEPT
    task_digest: Digest
    consent: Consent


class Decline(Message, frozen=True, kw_only=True, tag=Kind.DECLINE.value):
    """B to C: no."""

    kind: ClassVar[Kind] = Kind.DECLINE
    reason: Text


class Acceptance(Message, frozen=True, kw_only=True, tag=Kind.ACCEPTANCE.value):
    """C to A: every provider has accepted."""

    kind: ClassVar[Kind] = Kind.ACCEPTANCE
    consents: dict[Name, Consent]


class Commit(Message, frozen=True, kw_only=True, tag=Kind.COMMIT.value):
    """P to C: the salted commitment of the dataset; for predictions also the id-set digest."""

    kind: ClassVar[Kind] = Kind.COMMIT
    commitment: Digest
    id_set: Digest | None = None
    ids: Count = 0


class Notice(Message, frozen=True, kw_only=True, tag=Kind.NOTICE.value):
    """C to B: the initiator has committed."""

    kind: ClassVar[Kind] = Kind.NOTICE
    party: Name
    commitment: Digest


class IdsDiffer(Message, frozen=True, kw_only=True, tag=Kind.IDS_DIFFER.value):
    """C to all: the id sets differ. Counts only, never ids."""

    kind: ClassVar[Kind] = Kind.IDS_DIFFER
    counts: dict[Name, Count]
    attempts_left: Count


class BlockToSign(Message, frozen=True, kw_only=True, tag=Kind.BLOCK.value):
    """C to all: the agreement as C has built it."""

    kind: ClassVar[Kind] = Kind.BLOCK
    block: Block


class Signature(Message, frozen=True, kw_only=True, tag=Kind.SIGNATURE.value):
    """P to C: signature over the block."""

    kind: ClassVar[Kind] = Kind.SIGNATURE
    signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]


class Agreed(Message, frozen=True, kw_only=True, tag=Kind.AGREED.value):
    """C to all: the block with everybody's signature, C's own included."""

    kind: ClassVar[Kind] = Kind.AGREED
    signed: SignedBlock


class Start(Message, frozen=True, kw_only=True, tag=Kind.START.value):
    """C to all: the work under this block begins."""

    kind: ClassVar[Kind] = Kind.START
    block_digest: Digest


class Confirm(Message, frozen=True, kw_only=True, tag=Kind.CONFIRM.value):
    """P to C: digests of the task and algorithm as this party holds them."""

    kind: ClassVar[Kind] = Kind.CONFIRM
    task_digest: Digest
    algorithm_digest: Digest


class Reconfirm(Message, frozen=True, kw_only=True, tag=Kind.RECONFIRM.value):
    """C to all: these parties' digests differ; everyone confirms again."""

    kind: ClassVar[Kind] = Kind.RECONFIRM
    differing: tuple[Name, ...]
    attempts_left: Count


class Pass(Message, frozen=True, kw_only=True, tag=Kind.PASS.value):
    """C to all: algorithm and task are the same everywhere; send data."""

    kind: ClassVar[Kind] = Kind.PASS


CHECKPOINT_REFUSED = "checkpoint refused"
"""A stage of PROGRESS: the state that the parties name did not come back, and the training begins again."""


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The state of a training that an enclave has left at the host, sealed."""

    number: Annotated[int, Meta(ge=1, lt=1 << 53)]
    sha384: Digest
    """Of the sealed bytes."""


class Opening(Message, frozen=True, kw_only=True, tag=Kind.OPENING.value):
    """P to C: opens the commitment. Payload: the manifest."""

    kind: ClassVar[Kind] = Kind.OPENING
    salt: Annotated[bytes, Meta(min_length=32, max_length=32)]
    storage_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    """Under which C keeps this party's blocks at the host, for an enclave that may take its place."""
    checkpoint: Checkpoint | None = None
    """The newest that this party was told of, in this round."""

    def __repr__(self) -> str:
        return f"Opening(checkpoint={self.checkpoint!r})"


class Wanted(Message, frozen=True, kw_only=True, tag=Kind.WANTED.value):
    """C to P: what is to be sent: ranges of data blocks; a model that A brings, from which byte on."""

    kind: ClassVar[Kind] = Kind.WANTED
    blocks: Spans
    model_from: Count | None = None
    attempts_left: Count

    def __post_init__(self) -> None:
        check_spans(self.blocks)


class DataBlock(Message, frozen=True, kw_only=True, tag=Kind.DATA_BLOCK.value):
    """P to C. Payload: one block of the dataset."""

    kind: ClassVar[Kind] = Kind.DATA_BLOCK
    index: Index


class ModelPart(Message, frozen=True, kw_only=True, tag=Kind.MODEL_PART.value):
    """A to C. Payload: the model that A brings, from this byte on."""

    kind: ClassVar[Kind] = Kind.MODEL_PART
    offset: Count


class Uploaded(Message, frozen=True, kw_only=True, tag=Kind.UPLOADED.value):
    """P to C: all that was wanted has been sent."""

    kind: ClassVar[Kind] = Kind.UPLOADED


class Received(Message, frozen=True, kw_only=True, tag=Kind.RECEIVED.value):
    """C to P: all blocks are here, and are what was committed to."""

    kind: ClassVar[Kind] = Kind.RECEIVED
    rows: Count


class Progress(Message, frozen=True, kw_only=True, tag=Kind.PROGRESS.value):
    """C to P: how far the work is. `metrics` only to whom they are released."""

    kind: ClassVar[Kind] = Kind.PROGRESS
    stage: Title
    done: Count
    total: Count
    metrics: dict[str, float] = {}
    checkpoint: Checkpoint | None = None
    """The newest that there is: this party keeps it, against a host that brings back an older one."""


class Result(Message, frozen=True, kw_only=True, tag=Kind.RESULT.value):
    """C to A: what can be fetched in parts, signed by the enclave."""

    kind: ClassVar[Kind] = Kind.RESULT
    statement: ResultStatement
    signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]
    report: PrivatePart
    """Metrics and curve, for A only."""
    done: Round
    """What was done in this round, as the receipt will say it."""
    done_signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]
    """Over `done`: should this enclave die, A can show to another what was finished."""


class Fetch(Message, frozen=True, kw_only=True, tag=Kind.FETCH.value):
    """A to C: the result is wanted from this byte on; from 0 again if what came does not match its digest."""

    kind: ClassVar[Kind] = Kind.FETCH
    offset: Count


class ResultPart(Message, frozen=True, kw_only=True, tag=Kind.RESULT_PART.value):
    """C to A. Payload: the result, from this byte on."""

    kind: ClassVar[Kind] = Kind.RESULT_PART
    offset: Count


class ResultEnd(Message, frozen=True, kw_only=True, tag=Kind.RESULT_END.value):
    """C to A: no more parts."""

    kind: ClassVar[Kind] = Kind.RESULT_END


class Acknowledge(Message, frozen=True, kw_only=True, tag=Kind.ACKNOWLEDGE.value):
    """P to C: the result, or at the end everybody's signatures over the receipt, came and were checked."""

    kind: ClassVar[Kind] = Kind.ACKNOWLEDGE
    sha384: Digest


class Finished(Message, frozen=True, kw_only=True, tag=Kind.FINISHED.value):
    """C to B: done. Without any result."""

    kind: ClassVar[Kind] = Kind.FINISHED
    block_digest: Digest


class Close(Message, frozen=True, kw_only=True, tag=Kind.CLOSE.value):
    """A to C: no further proposals."""

    kind: ClassVar[Kind] = Kind.CLOSE


class ReceiptToSign(Message, frozen=True, kw_only=True, tag=Kind.RECEIPT.value):
    """C to all: the receipt, signed by the enclave."""

    kind: ClassVar[Kind] = Kind.RECEIPT
    receipt: Receipt
    signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]


class Countersignature(Message, frozen=True, kw_only=True, tag=Kind.COUNTERSIGNATURE.value):
    """P to C: this party's signature over the receipt."""

    kind: ClassVar[Kind] = Kind.COUNTERSIGNATURE
    signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]


class FinalReceipt(Message, frozen=True, kw_only=True, tag=Kind.FINAL_RECEIPT.value):
    """C to all, its last words: everybody's signatures over the receipt."""

    kind: ClassVar[Kind] = Kind.FINAL_RECEIPT
    signatures: dict[Name, Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]]


class Abort(Message, frozen=True, kw_only=True, tag=Kind.ABORT.value):
    """Either way, at any time: the task ends; what happened and whose fault it was."""

    kind: ClassVar[Kind] = Kind.ABORT
    code: ErrorCode
    reason: Text
    blame: Annotated[str, Meta(max_length=limits.MAX_NAME_LENGTH)] = ""


AnyMessage = (
    Join | Recall | Past | Recalled | Listing | Proposal | Refusal | Admission | Offer | Accept | Decline
    | Acceptance | Notice | Commit | IdsDiffer | BlockToSign | Signature | Agreed | Start | Confirm
    | Reconfirm | Pass | Opening | Wanted | DataBlock | ModelPart | Uploaded | Received | Progress | Result
    | Fetch | ResultPart | ResultEnd | Acknowledge | Finished | Close | ReceiptToSign | Countersignature
    | FinalReceipt | Abort
)  # fmt: skip
