"""Step 4: the receipt, its countersignatures, and the last words."""

from collections.abc import Iterator

from confide.core import canonical
from confide.core.digest import digest_of
from confide.core.errors import LocalProtocolError, SignatureInvalid
from confide.enclave import agreements
from confide.enclave.context import EnclaveContext, Say
from confide.enclave.release import private_part
from confide.enclave.round import Round as WorkRound
from confide.protocol.messages import FinalReceipt, ReceiptToSign
from confide.protocol.receipts import RECEIPT_CONTEXT, Receipt, Round, evidence_nonce


class Closing:
    """Collects what was done; then drafts, signs and completes the receipt."""

    def __init__(self, context: EnclaveContext) -> None:
        self._context = context
        self._started_at = context.clock.now()
        self._rounds: list[Round] = []
        self._receipt: Receipt | None = None
        self._signers: tuple[str, ...] = ()
        """Who had joined when the receipt was drafted: a party that joins later has nothing to sign."""
        self._signatures: dict[str, bytes] = {}
        self.done = False

    def add(self, current: WorkRound) -> None:
        """A round whose result has been acknowledged."""
        block = agreements.require_signed(current).block
        done = Round(
            kind=current.kind,
            task=current.task.name,
            block=digest_of(block),
            commitments=block.commitments,
            rows=agreements.require_outcome(current).rows,
            result=agreements.require_statement(current),
            releases=current.task.releases,
            private=digest_of(private_part(current)),
        )
        self._rounds.append(done)

    def draft(self) -> Iterator[Say]:
        """The receipt, signed by the enclave, to every participant who has joined."""
        context, rounds = self._context, tuple(self._rounds)
        self._receipt = Receipt(
            task_id=context.config.task,
            enclave=context.identity,
            evidence=context.evidence(evidence_nonce(rounds)),
            rounds=rounds,
            started_at=self._started_at,
            closed_at=context.clock.now(),
        )
        signature = context.signer.sign(RECEIPT_CONTEXT, canonical.encode(self._receipt))
        self._signers = tuple(sorted(context.members))
        for name in self._signers:
            yield Say(name, ReceiptToSign(receipt=self._receipt, signature=signature))

    def countersigned(self, party: str, signature: bytes) -> Iterator[Say]:
        """A party's countersignature; after the last one, all of them go to everybody.

        Raises SignatureInvalid, naming the party.
        """
        if self._receipt is None:
            raise LocalProtocolError("there is no receipt yet")
        key = self._context.members[party].public_key
        try:
            self._context.verify(key, RECEIPT_CONTEXT, canonical.encode(self._receipt), signature)
        except SignatureInvalid:
            text = f"{party}'s signature over the receipt does not verify"
            raise SignatureInvalid(text, blame=party) from None
        self._signatures[party] = signature
        if set(self._signatures) == set(self._signers):
            for name in self._signers:
                yield Say(name, FinalReceipt(signatures=self._signatures))
            self.done = True

    @property
    def receipt_digest(self) -> str | None:
        """Digest of the receipt's public part."""
        return digest_of(self._receipt) if self._receipt is not None else None
