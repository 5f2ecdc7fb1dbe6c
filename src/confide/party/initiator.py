"""A's script: propose each job, bring data (and a model), receive the results, close."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from confide.core import canonical, limits
from confide.core.digest import digest_of, same, sha384_hex
from confide.core.errors import (
    AgreementMismatch,
    AlgorithmNotListed,
    IdSetMismatch,
    LimitExceeded,
    LocalProtocolError,
    RemoteProtocolError,
)
from confide.core.platform_api import TaskKind
from confide.party.checks import Expected
from confide.party.participant import Answers, Participant, expect
from confide.party.ports import Dataset, PartyContext
from confide.party.standing import Download
from confide.protocol import faults
from confide.protocol import messages as m
from confide.protocol.blocks import SignedBlock
from confide.protocol.framing import Payload, Spoken
from confide.protocol.kinds import Kind
from confide.protocol.messages import BroughtModel, Message, ModelReference
from confide.protocol.provenance import signed_bytes
from confide.protocol.receipts import RESULT_CONTEXT, ROUND_CONTEXT, HeldOutFile, ResultStatement
from confide.protocol.terms import Algorithm, Intersection, Task


@dataclass(frozen=True, slots=True)
class ModelToBring:
    """A model of an earlier task, with the papers that came with it."""

    data: bytes = field(repr=False)
    papers: BroughtModel


@dataclass(frozen=True, slots=True)
class Job:
    """One round that A wants: a task, an algorithm, a dataset, a model."""

    task: Task
    algorithm: str
    parameters: dict[str, Any]
    dataset: Dataset
    model: ModelToBring | None = None
    """For predictions: None means the model that this same enclave has just trained. For a training: the
    model that it starts from."""


class Initiator(Participant):
    """Proposes its jobs one after the other in one enclave, then closes."""

    def __init__(self, context: PartyContext, jobs: Sequence[Job]) -> None:
        super().__init__(context)
        if not jobs:
            raise ValueError("an initiator without a job")
        self._jobs = list(jobs)
        self._job = jobs[0]
        self._handlers |= {
            Kind.LISTING: self._listed,
            Kind.REFUSAL: self._refused,
            Kind.ADMISSION: self._admitted,
            Kind.ACCEPTANCE: self._accepted,
            Kind.IDS_DIFFER: self._tell_counts,
            Kind.RESULT: self._result_begins,
            Kind.RESULT_PART: self._result_part,
            Kind.RESULT_END: self._result_ends,
        }

    # --- negotiation ---------------------------------------------------------------------------------

    def _listed(self, message: Message, _: Payload) -> Answers:
        self.standing.listing = expect(message, m.Listing).algorithms
        yield self._next()

    def _recall(self, _: Message, __: Payload) -> Answers:
        """All finished rounds, in order; the round under way, and the model that it uses."""
        standing = self.standing
        for done in standing.finished.values():
            if done.past is None:
                raise LocalProtocolError("a finished round without its enclave's word")
            yield Spoken(done.past)
        agreed, signed = standing.agreed, self._signed_last
        under_way = agreed is not None and digest_of(agreed.block) not in standing.finished
        if agreed is not None and under_way:
            yield Spoken(m.Past(signed=agreed))
        model = self._agreement().model if under_way or signed is not None else None
        yield Spoken(m.Recalled(signed=signed or self._countersigned, model=self._with_papers(model)))

    def _with_papers(self, model: ModelReference | None) -> ModelReference | None:
        own = self.standing.own_model
        return own if model is not None and own is not None and model.sha384 == own.sha384 else model

    def _agreed(self, message: Message, payload: Payload) -> Answers:
        """On a new channel, it may be the first word of the round: this is its job."""
        self._job = self._jobs[min(len(self.standing.finished), len(self._jobs) - 1)]
        if not isinstance(self._job.task.alignment, Intersection):  # those rows are what was found in common
            self.standing.dataset = self._job.dataset
        yield from super()._agreed(message, payload)

    def _next(self) -> Spoken:
        """The first job that is not finished: on a new channel, the same as on the last."""
        done = len(self.standing.finished)
        if done >= len(self._jobs):
            return Spoken(m.Close())
        self._job = self._jobs[done]
        job, algorithm = self._job, self._choose(self._job)
        model = self._model_of(job)
        self.standing.dataset = job.dataset
        self.standing.expected = Expected(
            task_id=self._context.task_id,
            me=self._context.me,
            my_certificate=self._context.certificate,
            enclave=self._context.enclave,
            task=job.task,
            algorithm=algorithm,
            model=model,
            commitment="",
            id_set=None,
            consents={},
        )
        return Spoken(m.Proposal(task=job.task, algorithm=algorithm, model=model))

    def _choose(self, job: Job) -> Algorithm:
        for entry in self.standing.listing:
            if entry.name == job.algorithm:
                return Algorithm(
                    name=entry.name, version=entry.version, digest=entry.digest, parameters=job.parameters
                )
        names = ", ".join(entry.name for entry in self.standing.listing)
        raise AlgorithmNotListed(f"'{job.algorithm}' is not in the enclave's list: {names}")

    def _model_of(self, job: Job) -> ModelReference | None:
        if job.model is None and job.task.kind is TaskKind.TRAIN:
            return None
        if job.model is None:
            if self.standing.own_model is None:
                raise LocalProtocolError("a prediction without a model")
            own = self.standing.own_model
            if self.standing.trained_by == self._context.enclave.public_key:
                return ModelReference(sha384=own.sha384, train_block=own.train_block)
            return own
        papers = job.model.papers
        return ModelReference(
            sha384=sha384_hex(job.model.data),
            train_block=digest_of(papers.trained_under.block),
            brought=papers,
        )

    def _refused(self, message: Message, _: Payload) -> Answers:
        refusal = expect(message, m.Refusal)
        names = ", ".join(entry.name for entry in refusal.algorithms)
        reason = f"refused: {refusal.reason} (the enclave lists: {names})"
        raise faults.error_of(m.Abort(code=refusal.code, reason=reason, blame=self._context.me))
        yield  # a generator like its siblings

    def _admitted(self, message: Message, _: Payload) -> Answers:
        if not same(expect(message, m.Admission).task_digest, digest_of(self._agreement().task)):
            raise AgreementMismatch("the enclave offers another task than we proposed")
        yield from ()

    def _accepted(self, message: Message, _: Payload) -> Answers:
        self._agreement().consents = expect(message, m.Acceptance).consents
        self.standing.dataset = self._context.align(self._job.task, self._job.dataset)
        yield self._commitment()

    def _tell_counts(self, message: Message, _: Payload) -> Answers:
        counts = expect(message, m.IdsDiffer).counts
        told = ", ".join(f"{party} has {count}" for party, count in counts.items())
        raise IdSetMismatch(f"the id sets differ: {told}")
        yield  # a generator like its siblings

    # --- work ----------------------------------------------------------------------------------------

    def _model_parts(self, start: int | None) -> Iterator[Spoken]:
        if start is None:
            return
        data, size = self._model_data(), limits.RESULT_PART_BYTES
        for offset in range(start, len(data), size):
            yield Spoken(m.ModelPart(offset=offset), data[offset : offset + size])

    def _model_data(self) -> bytes:
        """Of the model that this round brings: an earlier task's, or one that an enclave of ours trained."""
        if self._job.model is not None:
            return self._job.model.data
        if self.standing.own_model is None:
            raise RemoteProtocolError("a model was asked for, which we do not bring")
        return self._context.records.model(self.standing.own_model.sha384)

    def _result_begins(self, message: Message, _: Payload) -> Answers:
        """Fetched from where we are: on a new channel, the same result goes on."""
        result = expect(message, m.Result)
        if self.standing.download is None:
            self._check_result(result)
            self.standing.download = Download(result)
        elif self.standing.download.result != result:
            raise RemoteProtocolError("another result is announced than before our channel was lost")
        yield from self._fetch_or_keep(self.standing.download)

    def _check_result(self, result: m.Result) -> None:
        statement, enclave = result.statement, self._context.enclave
        if not same(statement.block, digest_of(self.standing.block)):
            raise RemoteProtocolError("the result belongs to another agreement")
        self._context.verify(enclave.public_key, RESULT_CONTEXT, signed_bytes(statement), result.signature)
        done = canonical.encode(result.done)
        self._context.verify(enclave.public_key, ROUND_CONTEXT, done, result.done_signature)
        if not same(result.done.block, statement.block) or result.done.result != statement:
            raise RemoteProtocolError("what was done in the round belongs to another result")

    def _result_part(self, message: Message, payload: Payload) -> Answers:
        download = self._download()
        if expect(message, m.ResultPart).offset != len(download.data):
            raise RemoteProtocolError("a result part came out of order")
        if len(download.data) + len(payload) > download.result.statement.total:
            raise LimitExceeded("more came than the result's announced size")
        self._context.records.part(len(download.data), payload)
        download.data += payload
        yield from ()

    def _result_ends(self, message: Message, _: Payload) -> Answers:
        expect(message, m.ResultEnd)
        download = self._download()
        if len(download.data) < download.result.statement.total:
            download.data.clear()
        yield from self._fetch_or_keep(download)

    def _fetch_or_keep(self, download: Download) -> Answers:
        data, statement = download.data, download.result.statement
        if len(data) < statement.total or not _as_signed(statement, data):
            if len(data) == statement.total:
                data.clear()
            yield Spoken(m.Fetch(offset=len(data)))
            return
        self._keep(download.result, bytes(data))
        yield Spoken(m.Acknowledge(sha384=statement.sha384))
        yield self._next()

    def _download(self) -> Download:
        if self.standing.download is None:
            raise RemoteProtocolError("a part came of a result that had not begun")
        return self.standing.download

    def _keep(self, result: m.Result, data: bytes) -> None:
        self._context.records.result(result.statement, result.signature, result.report, data)
        self.standing.reports.append(result.report)
        if result.statement.kind == "model":
            self.standing.own_model = self._papers(result)
            self.standing.trained_by = self._context.enclave.public_key
        self._round_finished(result.statement, self._past(result))

    def _signed_block(self) -> SignedBlock:
        if self.standing.agreed is None:
            raise LocalProtocolError("a result without an agreement")
        return self.standing.agreed

    def _past(self, result: m.Result) -> m.Past:
        return m.Past(signed=self._signed_block(), done=result.done, signature=result.done_signature)

    def _papers(self, result: m.Result) -> ModelReference:
        papers = BroughtModel(
            trained_under=self._signed_block(), statement=result.statement, signature=result.signature
        )
        statement = result.statement
        return ModelReference(sha384=statement.sha384, train_block=statement.block, brought=papers)


def _as_signed(statement: ResultStatement, data: bytearray) -> bool:
    """Whether the bytes that came are those of the statement: of the file, and of what follows it."""
    with memoryview(data) as whole:
        beside = statement.held_out
        return same(sha384_hex(whole[: statement.bytes]), statement.sha384) and (
            not isinstance(beside, HeldOutFile) or same(sha384_hex(whole[statement.bytes :]), beside.sha384)
        )
