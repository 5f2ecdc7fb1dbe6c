"""What A and B do alike: commit, sign, confirm, upload, countersign. Sans-IO; answers are lazy."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from confide.core import canonical, limits
from confide.core.digest import commitment, digest_of, same
from confide.core.errors import AgreementMismatch, ReceiptInvalid, RemoteProtocolError
from confide.data.ordered_pool import map_in_order
from confide.party import checks
from confide.party.ports import Dataset, PartyContext
from confide.party.standing import Standing
from confide.protocol import messages as m
from confide.protocol import receipts
from confide.protocol.blocks import Block, EnclaveIdentity, context_of
from confide.protocol.framing import Payload, Spoken
from confide.protocol.kinds import Kind
from confide.protocol.messages import Message
from confide.protocol.receipts import RECEIPT_CONTEXT, KeptReceipt, ResultStatement, SignedReceipt
from confide.protocol.spans import indices_of
from confide.protocol.terms import names_ids
from confide.session.join import LastSigned

Answers = Iterator[Spoken]
Handler = Callable[[Message, Payload], Answers]
T = TypeVar("T", bound=Message)
SALT_BYTES = STORAGE_KEY_BYTES = 32


class Participant:
    """One party in one task, over one or more rounds."""

    def __init__(self, context: PartyContext) -> None:
        self._context = context
        self.standing = Standing()
        """What outlives a channel."""
        self._handlers: dict[Kind, Handler] = {
            Kind.RECALL: self._tell,
            Kind.IDS_DIFFER: self._ids_differ,
            Kind.BLOCK: self._sign,
            Kind.AGREED: self._agreed,
            Kind.START: self._start,
            Kind.RECONFIRM: self._confirm,
            Kind.PASS: self._open,
            Kind.WANTED: self._upload,
            Kind.RECEIVED: self._nothing,
            Kind.PROGRESS: self._progress,
            Kind.RECEIPT: self._countersign,
            Kind.FINAL_RECEIPT: self._keep_receipt,
        }

    @property
    def last_signed(self) -> LastSigned:
        """What a JOIN says about where we go on."""
        return LastSigned(len(self.standing.finished), self.standing.agreed_digest)

    def take_up(self, standing: Standing) -> None:
        """Go on where an earlier process of ours stood."""
        self.standing = standing
        self.lost()

    def lost(self) -> None:
        """Our channel is gone: what comes next comes over a new one."""
        self.standing.away_since = self._context.clock.now()

    def moved(
        self, enclave: EnclaveIdentity, collateral: str, check_evidence: Callable[[bytes, bytes], None]
    ) -> None:
        """An enclave has been attested anew, ours or one that takes its place: now we talk to that."""
        self._context = replace(
            self._context, enclave=enclave, collateral=collateral, check_evidence=check_evidence
        )
        if self.standing.expected is not None:
            self.standing.expected.enclave = enclave

    def hear(self, spoken: Spoken) -> Answers:
        """Answers to a message that the table allows now. Raises ConfideError to end the task."""
        self._context.observe(spoken.message)
        handler = self._handlers.get(spoken.message.kind)
        if handler is None:
            raise RemoteProtocolError(f"'{spoken.message.kind}' has no answer here")
        yield from handler(spoken.message, spoken.payload)

    # --- a fresh enclave -----------------------------------------------------------------------------

    def _tell(self, message: Message, payload: Payload) -> Answers:
        """Where we stand; after the end, what others may lack."""
        held = self.standing.receipt
        if held is None:
            yield from self._recall(message, payload)
            return
        kept = KeptReceipt(
            receipt=held.receipt,
            signature=held.enclave_signature,
            signatures=held.signatures,
            certificates=held.certificates,
        )
        yield Spoken(m.Recalled(kept=kept))

    def _recall(self, _: Message, __: Payload) -> Answers:
        """What all have signed; a round that is finished here is shown by the initiator alone."""
        agreed = self.standing.agreed
        if agreed is not None and digest_of(agreed.block) not in self.standing.finished:
            yield Spoken(m.Past(signed=agreed))
        yield Spoken(m.Recalled(signed=self._signed_last or self._countersigned))

    @property
    def _signed_last(self) -> str | None:
        """The block that we have signed and do not hold with all signatures."""
        block = self.standing.block
        digest = digest_of(block) if block is not None else None
        over = digest in self.standing.finished or digest == self.standing.agreed_digest
        return None if over else digest

    @property
    def _countersigned(self) -> str | None:
        """The receipt that we have signed and do not hold with all signatures."""
        return digest_of(self.standing.draft[0].receipt) if self.standing.draft is not None else None

    def _renew(self, block: Block) -> None:
        """The same agreement with a fresh enclave: what we know of its work begins anew."""
        standing, context = self.standing, self._context
        if standing.block is None:
            raise AgreementMismatch("the block takes the place of another that we know nothing of")
        checks.check_renewed(block, standing.block, standing.signed, context.enclave)
        checks.check_time(block, context.clock.now())
        for digest in standing.signed:
            # Its end was told to us, and its result was lost with the enclave.
            standing.finished.pop(digest, None)
        standing.download = None

    # --- negotiation ---------------------------------------------------------------------------------

    def _commitment(self) -> Spoken:
        """A fresh salt for each commitment: two tasks on the same data can't be linked by it."""
        expected, dataset = self._agreement(), self._data()
        self.standing.salt = self._context.randomness.bytes(SALT_BYTES)
        expected.commitment = commitment(self.standing.salt, dataset.manifest_bytes)
        if not names_ids(expected.task):
            return Spoken(m.Commit(commitment=expected.commitment))
        expected.id_set = dataset.id_set_digest()
        return Spoken(m.Commit(commitment=expected.commitment, id_set=expected.id_set, ids=dataset.id_count))

    def _ids_differ(self, _: Message, __: Payload) -> Answers:
        """A provider sends again what it has; the initiator decides whether to go on (initiator.py)."""
        yield self._commitment()

    def _sign(self, message: Message, _: Payload) -> Answers:
        block = expect(message, m.BlockToSign).block
        if block.succeeds:
            self._renew(block)
        else:
            checks.check_block(block, self._agreement(), self._context.clock.now())
            self.standing.signed, self.standing.checkpoint = (), None
        self.standing.block = block
        self.standing.signed = (*self.standing.signed, digest_of(block))
        signature = self._context.signer.sign(context_of(block), canonical.encode(block))
        yield Spoken(m.Signature(signature=signature))

    def _agreed(self, message: Message, _: Payload) -> Answers:
        signed, now = expect(message, m.Agreed).signed, self._context.clock.now()
        if signed.block != self.standing.block:
            raise AgreementMismatch("the block that came back is not the one we signed")
        checks.check_signed_block(signed, self._context.certified_by, self._context.verify, now)
        self.standing.certificates |= signed.certificates
        # On a new channel it comes again.
        if self.standing.agreed_digest != digest_of(signed.block):
            self.standing.agreed = signed
            self._context.records.agreed(signed)
        yield from ()

    # --- work ----------------------------------------------------------------------------------------

    def _start(self, message: Message, payload: Payload) -> Answers:
        if not same(expect(message, m.Start).block_digest, digest_of(self.standing.block)):
            raise AgreementMismatch("work was started under another block than the one we signed")
        yield from self._confirm(message, payload)

    def _confirm(self, _: Message, __: Payload) -> Answers:
        task, algorithm = checks.digest_pair(self._agreement().task, self._agreement().algorithm)
        yield Spoken(m.Confirm(task_digest=task, algorithm_digest=algorithm))

    def _open(self, _: Message, __: Payload) -> Answers:
        digest = digest_of(self.standing.block)
        if self.standing.opened != digest:
            self._before_upload()
        self.standing.opened = digest
        self.standing.storage_key = self.standing.storage_key or self._context.randomness.bytes(
            STORAGE_KEY_BYTES
        )
        opening = m.Opening(
            salt=self.standing.salt,
            storage_key=self.standing.storage_key,
            checkpoint=self.standing.checkpoint,
        )
        yield Spoken(opening, self._data().manifest_bytes)

    def _upload(self, message: Message, _: Payload) -> Answers:
        wanted, dataset = expect(message, m.Wanted), self._data()
        indices = list(indices_of(wanted.blocks))
        if indices and indices[-1] >= len(dataset.manifest.blocks):
            raise RemoteProtocolError(f"block {indices[-1]} was asked for, which we do not have")
        if indices:
            self._before_upload()
        yield from self._model_parts(wanted.model_from)
        # The enclave makes the digests: a file that has changed is told when it asks for the block again.
        read = dataset.stored_block if wanted.attempts_left == limits.MAX_RETRIES else dataset.block
        # Read, and cut to the task's columns, ahead of what is being sent.
        for index, block in zip(indices, map_in_order(read, indices), strict=True):
            yield Spoken(m.DataBlock(index=index), block)
        yield Spoken(m.Uploaded())

    def _before_upload(self) -> None:
        """The last moment to say no."""

    def _model_parts(self, start: int | None) -> Answers:
        """Only an initiator brings a model."""
        if start is not None:
            raise RemoteProtocolError("a model was asked for, which we do not bring")
        yield from ()

    def _progress(self, message: Message, _: Payload) -> Answers:
        self.note_checkpoint(expect(message, m.Progress))
        yield from ()

    def note_checkpoint(self, progress: m.Progress) -> bool:
        """Whether it tells of one that we did not know; a number that we know is never taken back."""
        new, known = progress.checkpoint, self.standing.checkpoint
        if new is None or (known is not None and new.number <= known.number):
            return False
        self.standing.checkpoint = new
        return True

    def _nothing(self, _: Message, __: Payload) -> Answers:
        yield from ()

    def _round_finished(self, result: ResultStatement | None, past: m.Past | None = None) -> None:
        standing = self.standing
        if standing.block is None:
            raise RemoteProtocolError("a round finished that was not agreed")
        rows = self._data().manifest.rows
        standing.finished[digest_of(standing.block)] = checks.Finished(standing.block, rows, result, past)
        standing.given = standing.download = None

    # --- close ---------------------------------------------------------------------------------------

    def _countersign(self, message: Message, _: Payload) -> Answers:
        draft, context = expect(message, m.ReceiptToSign), self._context
        if self.standing.draft is None or self.standing.draft[0] != draft:
            document, now = canonical.encode(draft.receipt), context.clock.now()
            context.verify(context.enclave.public_key, RECEIPT_CONTEXT, document, draft.signature)
            checks.check_receipt(
                draft.receipt,
                task_id=context.task_id,
                enclave=context.enclave,
                own=self.standing.finished,
                me=context.me,
                check_evidence=context.check_evidence,
                not_before=min(now, self.standing.away_since or now),
                now=now,
            )
            self.standing.draft = draft, context.signer.sign(RECEIPT_CONTEXT, document)
        yield Spoken(m.Countersignature(signature=self.standing.draft[1]))

    def _keep_receipt(self, message: Message, _: Payload) -> Answers:
        if self.standing.draft is None:
            raise ReceiptInvalid("the final receipt came before its draft")
        signatures = expect(message, m.FinalReceipt).signatures
        draft, own = self.standing.draft
        if signatures.get(self._context.me) != own:
            raise ReceiptInvalid("the final receipt holds another signature as ours")
        signed = SignedReceipt(
            receipt=draft.receipt,
            participants=tuple(sorted(signatures)),
            enclave_signature=draft.signature,
            signatures=signatures,
            certificates=self._certificates(tuple(sorted(signatures))),
            collateral=self._context.collateral,
            private=tuple(self.standing.reports),
        )
        now, certified_by = self._context.clock.now(), self._context.certified_by
        keys = {name: certified_by(pem, now).public_key for name, pem in signed.certificates.items()}
        receipts.check_signatures(signed, keys, self._context.verify)
        if self.standing.receipt is None:
            self.standing.receipt = signed
            self._context.records.receipt(signed)
        yield Spoken(m.Acknowledge(sha384=digest_of(draft.receipt)))

    def _certificates(self, participants: tuple[str, ...]) -> dict[str, str]:
        known = dict(self.standing.certificates)
        known[self._context.me] = self._context.certificate_pem
        missing = [name for name in participants if name not in known]
        if missing:
            raise ReceiptInvalid(f"the receipt is signed by {', '.join(missing)}, who signed no block")
        return {name: known[name] for name in participants}

    # --- shared --------------------------------------------------------------------------------------

    def _agreement(self) -> checks.Expected:
        if self.standing.expected is None:
            raise RemoteProtocolError("nothing has been agreed yet")
        return self.standing.expected

    def _data(self) -> Dataset:
        if self.standing.dataset is None:
            raise RemoteProtocolError("no dataset has been chosen yet")
        return self.standing.dataset


def expect(message: Message, kind: type[T]) -> T:
    """The table has already judged the kind; this tells the type checker, and holds the two together."""
    if not isinstance(message, kind):
        raise RemoteProtocolError(f"expected {kind.__name__}, got '{message.kind}'")
    return message
