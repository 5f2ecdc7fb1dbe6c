"""A task's folder that tells the audit log what happens in the task (spec/audit.md, "Operations").

All that is known of a conversation passes through the folder: every message before it is sent or handled,
and every document when it has been checked. So nothing is logged as done before it was verified.
"""

from pathlib import Path

from confide.app.records import TaskFolder
from confide.audit.entry import DONE, REFUSED, Object, Operation
from confide.audit.recorder import Recorder
from confide.core.digest import digest_of
from confide.core.errors import CheckpointRefused, ConfideError
from confide.core.ports import Clock
from confide.party.ports import Dataset, Decide, Yes
from confide.protocol import messages as m
from confide.protocol.blocks import SignedBlock
from confide.protocol.messages import Message, Offer
from confide.protocol.receipts import HostEnd, PrivatePart, ResultStatement, SignedReceipt
from confide.protocol.terms import Task

_STAGES = {"join": Operation.JOIN, "train": Operation.TRAIN, "predict": Operation.PREDICT}
"""Stages of PROGRESS that are operations of their own, up to a comma; others belong to the one before."""


class AuditedFolder(TaskFolder):
    """Raises AuditUnavailable or AuditInvalid where the log can't be written: the task ends then."""

    def __init__(self, folder: Path, clock: Clock, recorder: Recorder) -> None:
        super().__init__(folder, clock)
        self._recorder = recorder
        self._datasets: dict[str, Dataset] = {}
        self._task = ""
        """Digest of the Task of this round."""
        self._commitment = ""
        self._receipt_digest = ""
        self._stage: Operation | None = None

    def bring(self, task: Task, dataset: Dataset) -> None:
        """Which dataset we bring to which task; its counts are logged at the upload."""
        self._datasets[digest_of(task)] = dataset

    def deciding(self, decide: Decide) -> Decide:
        """`decide`, with an ear for the dataset that it chooses."""

        def listening(offer: Offer, measurement: str) -> Yes:
            yes = decide(offer, measurement)
            self.bring(offer.task, yes.dataset)
            return yes

        return listening

    def failed(self, error: ConfideError) -> None:
        """The task ended with an error."""
        self.ended(error)
        self._recorder.failed(error.code)

    # --- messages --------------------------------------------------------------------------------------

    def note(self, way: str, message: Message, state: str) -> None:
        """See TaskFolder."""
        super().note(way, message, state)
        if way == "said":
            self._said(message)
        else:
            self._heard(message)

    def _said(self, message: Message) -> None:
        recorder = self._recorder
        match message:
            case m.Proposal():
                self._begin_round(message.task, Operation.PROPOSE)
            case m.Accept():
                recorder.after(Operation.CONSENT)
            case m.Decline():
                recorder.after(Operation.CONSENT, outcome=REFUSED)
            case m.Commit():
                self._commitment = message.commitment
            case m.Signature():
                recorder.before(Operation.AGREE)
            case m.Opening():
                recorder.before(Operation.UPLOAD, self._dataset())
            case m.Countersignature():
                recorder.before(
                    Operation.COUNTERSIGN, Object(kind="receipt", digest=self._receipt_digest or None)
                )

    def _heard(self, message: Message) -> None:
        recorder = self._recorder
        match message:
            case m.Offer():
                self._begin_round(message.task, Operation.CONSENT)
            case m.Admission():
                recorder.after(Operation.PROPOSE)
            case m.Refusal():
                recorder.after(Operation.PROPOSE, outcome=message.code)
            case m.BlockToSign():
                recorder.agreement = digest_of(message.block)
            case m.Received():
                recorder.after(Operation.UPLOAD, self._dataset())
                rows = Object(kind="dataset", digest=self._commitment or None, rows=message.rows)
                recorder.after(Operation.OPEN, rows, actor=recorder.enclave)
            case m.Progress():
                self._progress(message)
            case m.Result():
                self._work(None)
                recorder.before(Operation.RECEIVE, _result(message.statement))
            case m.Finished():
                self._work(None)
            case m.ReceiptToSign():
                self._receipt_digest = digest_of(message.receipt)

    def _progress(self, message: m.Progress) -> None:
        if message.stage == m.CHECKPOINT_REFUSED:
            self._recorder.after(
                Operation.TRAIN, outcome=CheckpointRefused.code, actor=self._recorder.enclave
            )
        self._work(_STAGES.get(message.stage.partition(",")[0], self._stage))

    def _begin_round(self, task: Task, operation: Operation) -> None:
        self._task = digest_of(task)
        self._recorder.agreement = None
        self._recorder.before(operation, Object(kind="task", digest=self._task))

    def _dataset(self) -> Object:
        dataset = self._datasets.get(self._task)
        if dataset is None:
            return Object(kind="dataset", digest=self._commitment or None)
        size = sum(block.bytes for block in dataset.manifest.blocks)
        return Object(kind="dataset", digest=self._commitment or None, rows=dataset.manifest.rows, bytes=size)

    def _work(self, stage: Operation | None) -> None:
        """The enclave has told at which stage it is; None: at none any more."""
        if stage is self._stage:
            return
        if self._stage is not None:
            self._recorder.after(self._stage)
        self._stage = stage
        if stage is not None:
            self._recorder.before(stage, actor=self._recorder.enclave)

    # --- documents, verified ---------------------------------------------------------------------------

    def agreed(self, signed: SignedBlock) -> None:
        """See TaskFolder."""
        super().agreed(signed)
        self._recorder.after(Operation.AGREE)

    def result(self, statement: ResultStatement, signature: bytes, report: PrivatePart, data: bytes) -> None:
        """See TaskFolder."""
        super().result(statement, signature, report, data)
        self._recorder.after(Operation.RECEIVE, _result(statement))

    def receipt(self, signed: SignedReceipt) -> None:
        """See TaskFolder. The receipt tells what was released, and that all is wiped now."""
        super().receipt(signed)
        if signed.host_end is not None:
            return
        recorder, enclave = self._recorder, self._recorder.enclave
        recorder.after(Operation.COUNTERSIGN, Object(kind="receipt", digest=digest_of(signed.receipt)))
        for done in signed.receipt.rounds:
            recorder.agreement = done.block
            recorder.after(Operation.RELEASE, _result(done.result), outcome=DONE, actor=enclave)
        recorder.agreement = None
        recorder.before(Operation.DESTROY, actor=enclave)

    def add_host_end(self, signed: SignedReceipt, end: HostEnd) -> SignedReceipt:
        """See TaskFolder."""
        completed = super().add_host_end(signed, end)
        self._recorder.after(Operation.DESTROY, actor=str(end.record["platform"]))
        return completed


def _result(statement: ResultStatement) -> Object:
    return Object(kind=statement.kind, digest=statement.sha384, bytes=statement.bytes)
