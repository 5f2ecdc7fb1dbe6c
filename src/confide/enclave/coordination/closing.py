"""Step 4: the receipt, its countersignatures, and the last words."""

from confide.core import canonical, limits
from confide.core.digest import digest_of, same, sha384_hex
from confide.core.errors import LocalProtocolError, RemoteProtocolError, SignatureInvalid
from confide.enclave.coordination import agreements
from confide.enclave.coordination.context import expect
from confide.enclave.coordination.course import Course, Place
from confide.enclave.coordination.round import Round as WorkRound
from confide.protocol import messages as m
from confide.protocol.framing import Payload
from confide.protocol.messages import Message
from confide.protocol.receipts import RECEIPT_CONTEXT, KeptReceipt, Receipt, Round, evidence_nonce


class Closing:
    """Collects what was done; then drafts, signs and completes the receipt."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._rounds: list[Round] = []
        self._took_part: set[str] = set()
        self._enclaves: dict[str, None] = {}
        """Digests of the keys of enclaves in the agreements, in order."""
        self._draft: m.ReceiptToSign | None = None
        self._signers: tuple[str, ...] = ()
        """Who had joined when the receipt was drafted: a party that joins later has nothing to sign."""
        self._signatures: dict[str, bytes] = {}
        self._kept: set[str] = set()
        """Who has said that it holds everybody's signatures."""
        self._complete_since: int | None = None

    def add(self, current: WorkRound) -> None:
        """A round whose result has been acknowledged."""
        self._rounds.append(agreements.require_done(current))
        self._took_part.update(current.task.participants)
        for signed in filter(None, (current.renews, current.signed)):
            self._enclaves[sha384_hex(signed.block.enclave.public_key)] = None

    def hand_on(self, kept: KeptReceipt) -> None:
        """The receipt of an enclave that died with its last words: all have signed it, not all hold it."""
        self._draft = m.ReceiptToSign(receipt=kept.receipt, signature=kept.signature)
        self._signatures, self._signers = dict(kept.signatures), tuple(sorted(kept.signatures))
        self._complete_since = self._course.now()

    # --- what is heard -------------------------------------------------------------------------------

    def close(self, place: Place, message: Message, _: Payload) -> None:
        """No further proposals: the receipt is drafted, and signed by the enclave."""
        expect(message, m.Close)
        if self._course.under_way is not None:
            raise RemoteProtocolError("a round is under way: it can't be closed", blame=place.name)
        context, rounds = self._course.context, tuple(self._rounds)
        own = sha384_hex(context.identity.public_key)
        receipt = Receipt(
            task_id=context.config.task,
            enclave=context.identity,
            evidence=context.evidence(evidence_nonce(rounds)),
            rounds=rounds,
            started_at=self._course.started_at,
            closed_at=context.clock.now(),
            predecessors=tuple(key for key in self._enclaves if key != own),
        )
        signature = context.signer.sign(RECEIPT_CONTEXT, canonical.encode(receipt))
        self._draft = m.ReceiptToSign(receipt=receipt, signature=signature)
        self._signers = tuple(sorted({*context.members, *self._took_part}))

    def countersignature(self, place: Place, message: Message, _: Payload) -> None:
        """A party's signature over the receipt. Raises SignatureInvalid, naming the party."""
        context, party = self._course.context, place.name
        signature = expect(message, m.Countersignature).signature
        document = canonical.encode(self._drafted().receipt)
        try:
            context.verify(place.member.public_key, RECEIPT_CONTEXT, document, signature)
        except SignatureInvalid:
            text = f"{party}'s signature over the receipt does not verify"
            raise SignatureInvalid(text, blame=party) from None
        self._signatures.setdefault(party, signature)
        if self.complete and self._complete_since is None:
            self._complete_since = self._course.now()

    def acknowledge(self, place: Place, message: Message, _: Payload) -> None:
        """A party holds the receipt with everybody's signatures."""
        if not same(expect(message, m.Acknowledge).sha384, digest_of(self._drafted().receipt)):
            raise RemoteProtocolError("another receipt was acknowledged than was sent", blame=place.name)
        self._kept.add(place.name)

    # --- what is said --------------------------------------------------------------------------------

    def receipt(self, place: Place) -> Message | None:
        """The draft, to whoever had joined when it was made and has finished all rounds."""
        mine = place.name in self._signers and self._course.round_of(place) is None
        return self._draft if mine else None

    def final(self, _: Place) -> Message | None:
        """Everybody's signatures."""
        return m.FinalReceipt(signatures=self._signatures) if self.complete else None

    # --- the end -------------------------------------------------------------------------------------

    @property
    def signers(self) -> tuple[str, ...] | None:
        """Who signs the receipt; None before it is drafted."""
        return self._signers if self._draft is not None else None

    @property
    def done(self) -> bool:
        """Whether all hold the final receipt, or have been given LAST_WORD_SECONDS to say so."""
        if not self.complete or self._complete_since is None:
            return False
        late = self._course.now() - self._complete_since >= limits.LAST_WORD_SECONDS
        return late or self._kept == set(self._signers)

    @property
    def complete(self) -> bool:
        """Whether all have signed: the task can only end well."""
        return self._draft is not None and set(self._signatures) == set(self._signers)

    def _drafted(self) -> m.ReceiptToSign:
        if self._draft is None:
            raise LocalProtocolError("there is no receipt yet")
        return self._draft

    @property
    def receipt_digest(self) -> str | None:
        """Digest of the receipt's public part."""
        return digest_of(self._draft.receipt) if self._draft is not None else None
