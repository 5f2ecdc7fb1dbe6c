"""The receipt: what the enclave did, signed by it and countersigned by all (spec/protocol.md, "Receipt").

It has a public part, which every party gets, and a private part (metrics, curve), which only the initiator
gets; the public part holds a salted commitment of the private one.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from confide.core import canonical, limits
from confide.core.digest import digest_of, sha384
from confide.core.errors import ReceiptInvalid, SignatureInvalid
from confide.core.platform_api import TaskKind
from confide.protocol.blocks import EnclaveIdentity, Verify
from confide.protocol.document import Document, Name, Title
from confide.protocol.evaluation import GateFigures
from confide.protocol.terms import Count, Digest, Release, Seconds

RECEIPT_CONTEXT = "confide/receipt/1"
RESULT_CONTEXT: Final = "application/vnd.in-toto+json"
"""The payload type of a DSSE envelope: see provenance.py, and crypto.signatures."""
ROUND_CONTEXT = "confide/round/1"
DESTRUCTION: Final = (
    "After the final receipt is sent the enclave wipes its session, channel and HPKE keys and the data, "
    "and its process exits; the host records the end."
)


ResultBytes = Annotated[int, Meta(ge=1, le=limits.RESULT_PART_BYTES * limits.MAX_RESULT_PARTS)]


class HeldOutFile(Document, frozen=True, kw_only=True):
    """The held-out predictions of a training, which follow the model's bytes."""

    sha384: Digest
    bytes: ResultBytes


class ResultStatement(Document, frozen=True, kw_only=True):
    """What the enclave signs about a model or a prediction file."""

    format: Literal["confide-result/1"] = "confide-result/1"
    kind: Literal["model", "predictions"]
    block: Digest
    sha384: Digest
    bytes: ResultBytes
    held_out: HeldOutFile | UnsetType = UNSET

    @property
    def total(self) -> int:
        """Bytes that are sent: of the file, and of what follows it."""
        return self.bytes + (self.held_out.bytes if isinstance(self.held_out, HeldOutFile) else 0)


class RowCounts(Document, frozen=True, kw_only=True):
    """Nothing is lost silently: source = sent + quarantined while preparing; sent = joined + the rest."""

    source: Count
    """Rows in the party's file."""
    quarantined_while_preparing: Count
    sent: Count
    joined: Count
    unmatched: Count
    quarantined: Count

    def __post_init__(self) -> None:
        if self.source != self.sent + self.quarantined_while_preparing:
            raise ValueError("rows in the file must equal sent + quarantined while preparing")
        if self.sent != self.joined + self.unmatched + self.quarantined:
            raise ValueError("rows sent must equal joined + unmatched + quarantined")


class Round(Document, frozen=True, kw_only=True):
    """One training or prediction under one signed block."""

    kind: TaskKind
    task: Title
    block: Digest
    commitments: dict[Name, Digest]
    rows: dict[Name, RowCounts]
    result: ResultStatement
    releases: tuple[Release, ...]
    private: Digest
    """SHA-384 of the canonical PrivatePart."""
    gate: GateFigures | UnsetType = UNSET


class PrivatePart(Document, frozen=True, kw_only=True):
    """What only the initiator learns. The salt keeps the commitment in the public part from being guessed."""

    salt: Annotated[bytes, Meta(min_length=32, max_length=32)]
    metrics: dict[str, Any]
    curve: tuple[dict[str, float], ...]


class Receipt(Document, frozen=True, kw_only=True):
    """The public part, as signed."""

    format: Literal["confide-receipt/1"] = "confide-receipt/1"
    task_id: Title
    enclave: EnclaveIdentity
    evidence: Annotated[bytes, Meta(max_length=limits.MAX_EVIDENCE_BYTES)]
    """Made at closing; its nonce is `evidence_nonce` over the rounds."""
    rounds: tuple[Round, ...]
    started_at: Seconds
    closed_at: Seconds
    predecessors: tuple[Digest, ...] = ()
    """SHA-384 of the public keys of the enclaves that died, in whose agreements this one worked on."""
    destruction: Literal[
        "After the final receipt is sent the enclave wipes its session, channel and HPKE keys and the data, "
        "and its process exits; the host records the end."
    ] = DESTRUCTION


class HostEnd(Document, frozen=True, kw_only=True):
    """The host's signed record that the enclave's process is gone."""

    record: dict[str, Any]
    signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]
    certificate: Annotated[str, Meta(max_length=limits.MAX_CERTIFICATE_BYTES)]


class SignedReceipt(Document, frozen=True, kw_only=True):
    """The file a party keeps: all that offline verification needs, except its trust anchors."""

    receipt: Receipt
    participants: tuple[Name, ...]
    enclave_signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]
    signatures: dict[Name, Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]]
    certificates: dict[Name, Annotated[str, Meta(max_length=limits.MAX_CERTIFICATE_BYTES)]]
    collateral: Annotated[str, Meta(max_length=limits.MAX_COLLATERAL_BYTES)]
    """The JSON under which the evidence was verified."""
    host_end: HostEnd | None = None
    private: tuple[PrivatePart, ...] = ()


class KeptReceipt(Document, frozen=True, kw_only=True):
    """A receipt with everybody's signatures, shown to a fresh enclave for those who lack them."""

    receipt: Receipt
    signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]
    """The enclave's, which has died since."""
    signatures: dict[Name, Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]]
    certificates: dict[Name, Annotated[str, Meta(max_length=limits.MAX_CERTIFICATE_BYTES)]]


def evidence_nonce(rounds: tuple[Round, ...]) -> bytes:
    """The 32 bytes that bind the closing evidence to what the receipt says was done."""
    return sha384(canonical.encode(rounds))[: limits.NONCE_BYTES]


def decode_signed_receipt(data: bytes) -> SignedReceipt:
    """Read a receipt file. Raises ReceiptInvalid for every input that is not one."""
    try:
        return canonical.decode(data, SignedReceipt, limit=limits.MAX_RECEIPT_BYTES)
    except canonical.NotCanonical as cause:
        raise ReceiptInvalid(f"not a receipt in canonical form: {cause}") from None


def check_signatures(signed: SignedReceipt, keys: dict[str, bytes], verify: Verify) -> None:
    """All participants and the enclave have signed these very bytes.

    `keys` come from certificates that the caller has verified under the CA.

    Raises:
        ReceiptInvalid: a participant has not signed, a signature does not verify, or a private part is not
            the one that the public part commits to.
    """
    # `participants` is not signed itself; the rounds are, and name everybody who took part.
    took_part = {party for done in signed.receipt.rounds for party in done.rows}
    if not took_part <= set(signed.participants):
        raise ReceiptInvalid("the receipt is not signed by everybody who took part in its rounds")
    if not (set(signed.participants) == set(signed.signatures) == set(keys)) or not signed.participants:
        raise ReceiptInvalid("the receipt is not signed by exactly the participants it names")
    message = canonical.encode(signed.receipt)
    signers = {party: (keys[party], signed.signatures[party]) for party in signed.participants}
    signers["the enclave"] = (signed.receipt.enclave.public_key, signed.enclave_signature)
    for who, (key, signature) in signers.items():
        try:
            verify(key, RECEIPT_CONTEXT, message, signature)
        except SignatureInvalid:
            raise ReceiptInvalid(f"the signature of {who} does not verify", blame=who) from None
    check_private(signed)


def check_private(signed: SignedReceipt) -> None:
    """The private parts, when present, are the ones committed to. Raises ReceiptInvalid."""
    if signed.private and [digest_of(part) for part in signed.private] != [
        done.private for done in signed.receipt.rounds
    ]:
        raise ReceiptInvalid("a private part is not the one that the receipt commits to")
