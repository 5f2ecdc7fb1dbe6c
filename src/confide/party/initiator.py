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
from confide.protocol import faults
from confide.protocol import messages as m
from confide.protocol.messages import BroughtModel, Kind, Message, ModelReference, Spoken
from confide.protocol.receipts import RESULT_CONTEXT
from confide.protocol.terms import Algorithm, Listed, Task


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
        self._listing: tuple[Listed, ...] = ()
        self._result: m.Result | None = None
        self._parts: list[bytes] = []
        self._own_model: ModelReference | None = None
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

    def _listed(self, message: Message, _: bytes) -> Answers:
        self._listing = expect(message, m.Listing).algorithms
        yield self._next()

    def _next(self) -> Spoken:
        if not self._jobs:
            return Spoken(m.Close())
        self._job = self._jobs.pop(0)
        job, algorithm = self._job, self._choose(self._job)
        model = self._model_of(job)
        self._dataset = job.dataset
        self._expected = Expected(
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
        for entry in self._listing:
            if entry.name == job.algorithm:
                return Algorithm(
                    name=entry.name, version=entry.version, digest=entry.digest, parameters=job.parameters
                )
        names = ", ".join(entry.name for entry in self._listing)
        raise AlgorithmNotListed(f"'{job.algorithm}' is not in the enclave's list: {names}")

    def _model_of(self, job: Job) -> ModelReference | None:
        if job.model is None and job.task.kind is TaskKind.TRAIN:
            return None
        if job.model is None:
            if self._own_model is None:
                raise LocalProtocolError("a prediction without a model")
            return self._own_model
        papers = job.model.papers
        return ModelReference(
            sha384=sha384_hex(job.model.data),
            train_block=digest_of(papers.trained_under.block),
            brought=papers,
        )

    def _refused(self, message: Message, _: bytes) -> Answers:
        refusal = expect(message, m.Refusal)
        names = ", ".join(entry.name for entry in refusal.algorithms)
        reason = f"refused: {refusal.reason} (the enclave lists: {names})"
        raise faults.error_of(m.Abort(code=refusal.code, reason=reason, blame=self._context.me))
        yield  # a generator like its siblings

    def _admitted(self, message: Message, _: bytes) -> Answers:
        if not same(expect(message, m.Admission).task_digest, digest_of(self._agreement().task)):
            raise AgreementMismatch("the enclave offers another task than we proposed")
        yield from ()

    def _accepted(self, message: Message, _: bytes) -> Answers:
        self._agreement().consents = expect(message, m.Acceptance).consents
        yield self._commitment()

    def _tell_counts(self, message: Message, _: bytes) -> Answers:
        counts = expect(message, m.IdsDiffer).counts
        told = ", ".join(f"{party} has {count}" for party, count in counts.items())
        raise IdSetMismatch(f"the id sets differ: {told}")
        yield  # a generator like its siblings

    # --- work ----------------------------------------------------------------------------------------

    def _model_parts(self) -> Iterator[Spoken]:
        if self._job.model is None:
            return
        data, size = self._job.model.data, limits.RESULT_PART_BYTES
        for index, start in enumerate(range(0, len(data), size)):
            yield Spoken(m.ModelPart(index=index), data[start : start + size])

    def _result_begins(self, message: Message, _: bytes) -> Answers:
        self._result, self._parts = expect(message, m.Result), []
        statement = self._result.statement
        if not same(statement.block, digest_of(self._block)):
            raise RemoteProtocolError("the result belongs to another agreement")
        document = canonical.encode(statement)
        self._context.verify(
            self._context.enclave.public_key, RESULT_CONTEXT, document, self._result.signature
        )
        yield from ()

    def _result_part(self, message: Message, payload: bytes) -> Answers:
        if expect(message, m.ResultPart).index != len(self._parts) or self._result is None:
            raise RemoteProtocolError("a result part came out of order")
        self._parts.append(payload)
        if sum(map(len, self._parts)) > self._result.statement.bytes:
            raise LimitExceeded("more came than the result's announced size")
        yield from ()

    def _result_ends(self, message: Message, _: bytes) -> Answers:
        expect(message, m.ResultEnd)
        if self._result is None:
            raise RemoteProtocolError("a result ended that had not begun")
        data, statement = b"".join(self._parts), self._result.statement
        self._parts = []
        if len(data) != statement.bytes or not same(sha384_hex(data), statement.sha384):
            yield Spoken(m.Again())
            return
        self._keep(self._result, data)
        yield Spoken(m.Acknowledge(sha384=statement.sha384))
        yield self._next()

    def _keep(self, result: m.Result, data: bytes) -> None:
        self._context.records.result(result.statement, result.signature, result.report, data)
        self._reports.append(result.report)
        if result.statement.kind == "model":
            self._own_model = ModelReference(
                sha384=result.statement.sha384, train_block=result.statement.block
            )
        self._round_finished(result.statement)
