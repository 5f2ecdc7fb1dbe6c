"""What A and B do alike: commit, sign, confirm, upload, countersign. Sans-IO; answers are lazy."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from confide.core import canonical
from confide.core.digest import commitment, digest_of, same
from confide.core.errors import AgreementMismatch, ReceiptInvalid, RemoteProtocolError
from confide.core.platform_api import TaskKind
from confide.data.ordered_pool import map_in_order
from confide.party import checks
from confide.party.ports import Dataset, PartyContext
from confide.protocol import messages as m
from confide.protocol import receipts
from confide.protocol.blocks import Block, context_of
from confide.protocol.messages import Kind, Message, Spoken
from confide.protocol.receipts import RECEIPT_CONTEXT, PrivatePart, Receipt, ResultStatement, SignedReceipt

Answers = Iterator[Spoken]
Handler = Callable[[Message, bytes], Answers]
T = TypeVar("T", bound=Message)
SALT_BYTES = 32


class Participant:
    """One party in one task, over one or more rounds."""

    def __init__(self, context: PartyContext) -> None:
        self._context = context
        self._expected: checks.Expected | None = None
        self._dataset: Dataset | None = None
        self._salt = b""
        self._block: Block | None = None
        self._finished: dict[str, checks.Finished] = {}
        self._known_certificates: dict[str, str] = {}
        self._reports: list[PrivatePart] = []
        self._receipt: tuple[Receipt, bytes, bytes] | None = None
        self._handlers: dict[Kind, Handler] = {
            Kind.IDS_DIFFER: self._ids_differ,
            Kind.BLOCK: self._sign,
            Kind.AGREED: self._agreed,
            Kind.START: self._start,
            Kind.RECONFIRM: self._confirm,
            Kind.PASS: self._upload,
            Kind.RESEND: self._resend,
            Kind.RECEIVED: self._nothing,
            Kind.PROGRESS: self._nothing,
            Kind.RECEIPT: self._countersign,
            Kind.FINAL_RECEIPT: self._keep_receipt,
        }

    def hear(self, spoken: Spoken) -> Answers:
        """Answers to a message that the table allows now. Raises ConfideError to end the task."""
        self._context.observe(spoken.message)
        handler = self._handlers.get(spoken.message.kind)
        if handler is None:
            raise RemoteProtocolError(f"'{spoken.message.kind}' has no answer here")
        yield from handler(spoken.message, spoken.payload)

    # --- negotiation ---------------------------------------------------------------------------------

    def _commitment(self) -> Spoken:
        """A fresh salt for each commitment: two tasks on the same data can't be linked by it."""
        expected, dataset = self._agreement(), self._data()
        self._salt = self._context.randomness.bytes(SALT_BYTES)
        expected.commitment = commitment(self._salt, dataset.manifest_bytes)
        if expected.task.kind is TaskKind.TRAIN:
            return Spoken(m.Commit(commitment=expected.commitment))
        expected.id_set = dataset.id_set_digest()
        return Spoken(m.Commit(commitment=expected.commitment, id_set=expected.id_set, ids=dataset.id_count))

    def _ids_differ(self, _: Message, __: bytes) -> Answers:
        """A provider sends again what it has; the initiator decides whether to go on (initiator.py)."""
        yield self._commitment()

    def _sign(self, message: Message, _: bytes) -> Answers:
        block = expect(message, m.BlockToSign).block
        checks.check_block(block, self._agreement(), self._context.clock.now())
        self._block = block
        signature = self._context.signer.sign(context_of(block), canonical.encode(block))
        yield Spoken(m.Signature(signature=signature))

    def _agreed(self, message: Message, _: bytes) -> Answers:
        signed, now = expect(message, m.Agreed).signed, self._context.clock.now()
        if signed.block != self._block:
            raise AgreementMismatch("the block that came back is not the one we signed")
        checks.check_signed_block(signed, self._context.certified_by, self._context.verify, now)
        self._known_certificates |= signed.certificates
        self._context.records.agreed(signed)
        yield from ()

    # --- work ----------------------------------------------------------------------------------------

    def _start(self, message: Message, payload: bytes) -> Answers:
        if not same(expect(message, m.Start).block_digest, digest_of(self._block)):
            raise AgreementMismatch("work was started under another block than the one we signed")
        yield from self._confirm(message, payload)

    def _confirm(self, _: Message, __: bytes) -> Answers:
        task, algorithm = checks.digest_pair(self._agreement().task, self._agreement().algorithm)
        yield Spoken(m.Confirm(task_digest=task, algorithm_digest=algorithm))

    def _upload(self, _: Message, __: bytes) -> Answers:
        dataset = self._data()
        self._before_upload()
        yield Spoken(m.Opening(salt=self._salt), dataset.manifest_bytes)
        yield from self._model_parts()
        # Read, and cut to the task's columns, ahead of what is being sent. The enclave makes the digests: a
        # file that has changed is told when it asks for the block again.
        blocks = map_in_order(dataset.stored_block, range(len(dataset.manifest.blocks)))
        for index, block in enumerate(blocks):
            yield Spoken(m.DataBlock(index=index), block)
        yield Spoken(m.Uploaded())

    def _before_upload(self) -> None:
        """The last moment to say no."""

    def _model_parts(self) -> Answers:
        """Only an initiator brings a model."""
        yield from ()

    def _resend(self, message: Message, _: bytes) -> Answers:
        for index in expect(message, m.Resend).blocks:
            if index >= len(self._data().manifest.blocks):
                raise RemoteProtocolError(f"block {index} was asked for, which we do not have")
            yield Spoken(m.DataBlock(index=index), self._data().block(index))
        yield Spoken(m.Uploaded())

    def _nothing(self, _: Message, __: bytes) -> Answers:
        yield from ()

    def _round_finished(self, result: ResultStatement | None) -> None:
        if self._block is None:
            raise RemoteProtocolError("a round finished that was not agreed")
        rows = self._data().manifest.rows
        self._finished[digest_of(self._block)] = checks.Finished(self._block, rows, result)

    # --- close ---------------------------------------------------------------------------------------

    def _countersign(self, message: Message, _: bytes) -> Answers:
        draft = expect(message, m.ReceiptToSign)
        context, document = self._context, canonical.encode(draft.receipt)
        context.verify(context.enclave.public_key, RECEIPT_CONTEXT, document, draft.signature)
        checks.check_receipt(
            draft.receipt,
            task_id=context.task_id,
            enclave=context.enclave,
            own=self._finished,
            me=context.me,
            check_evidence=context.check_evidence,
            now=context.clock.now(),
        )
        own = context.signer.sign(RECEIPT_CONTEXT, document)
        self._receipt = (draft.receipt, draft.signature, own)
        yield Spoken(m.Countersignature(signature=own))

    def _keep_receipt(self, message: Message, _: bytes) -> Answers:
        if self._receipt is None:
            raise ReceiptInvalid("the final receipt came before its draft")
        signatures = expect(message, m.FinalReceipt).signatures
        receipt, enclave_signature, own = self._receipt
        if signatures.get(self._context.me) != own:
            raise ReceiptInvalid("the final receipt holds another signature as ours")
        signed = SignedReceipt(
            receipt=receipt,
            participants=tuple(sorted(signatures)),
            enclave_signature=enclave_signature,
            signatures=signatures,
            certificates=self._certificates(tuple(sorted(signatures))),
            collateral=self._context.collateral,
            private=tuple(self._reports),
        )
        now, certified_by = self._context.clock.now(), self._context.certified_by
        keys = {name: certified_by(pem, now).public_key for name, pem in signed.certificates.items()}
        receipts.check_signatures(signed, keys, self._context.verify)
        self._context.records.receipt(signed)
        yield from ()

    def _certificates(self, participants: tuple[str, ...]) -> dict[str, str]:
        known = dict(self._known_certificates)
        known[self._context.me] = self._context.certificate_pem
        missing = [name for name in participants if name not in known]
        if missing:
            raise ReceiptInvalid(f"the receipt is signed by {', '.join(missing)}, who signed no block")
        return {name: known[name] for name in participants}

    # --- shared --------------------------------------------------------------------------------------

    def _agreement(self) -> checks.Expected:
        if self._expected is None:
            raise RemoteProtocolError("nothing has been agreed yet")
        return self._expected

    def _data(self) -> Dataset:
        if self._dataset is None:
            raise RemoteProtocolError("no dataset has been chosen yet")
        return self._dataset


def expect(message: Message, kind: type[T]) -> T:
    """The table has already judged the kind; this tells the type checker, and holds the two together."""
    if not isinstance(message, kind):
        raise RemoteProtocolError(f"expected {kind.__name__}, got '{message.kind}'")
    return message
