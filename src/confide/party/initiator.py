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
            if self.standing.own_model is None:
                raise LocalProtocolError("a prediction without a model")
            return self.standing.own_model
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
        self.standing.dataset = self._context.align(self._job.task, self._job.dataset)
        yield self._commitment()

    def _tell_counts(self, message: Message, _: bytes) -> Answers:
        counts = expect(message, m.IdsDiffer).counts
        told = ", ".join(f"{party} has {count}" for party, count in counts.items())
        raise IdSetMismatch(f"the id sets differ: {told}")
        yield  # a generator like its siblings

    # --- work ----------------------------------------------------------------------------------------

    def _model_parts(self, start: int | None) -> Iterator[Spoken]:
        if start is None or self._job.model is None:
            yield from super()._model_parts(start)
            return
        data, size = self._job.model.data, limits.RESULT_PART_BYTES
        for offset in range(start, len(data), size):
            yield Spoken(m.ModelPart(offset=offset), data[offset : offset + size])

    def _result_begins(self, message: Message, _: bytes) -> Answers:
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
        document = canonical.encode(statement)
        self._context.verify(enclave.public_key, RESULT_CONTEXT, document, result.signature)

    def _result_part(self, message: Message, payload: bytes) -> Answers:
        download = self._download()
        if expect(message, m.ResultPart).offset != len(download.data):
            raise RemoteProtocolError("a result part came out of order")
        if len(download.data) + len(payload) > download.result.statement.bytes:
            raise LimitExceeded("more came than the result's announced size")
        download.data += payload
        yield from ()

    def _result_ends(self, message: Message, _: bytes) -> Answers:
        expect(message, m.ResultEnd)
        download = self._download()
        if len(download.data) < download.result.statement.bytes:
            download.data.clear()
        yield from self._fetch_or_keep(download)

    def _fetch_or_keep(self, download: Download) -> Answers:
        data, statement = download.data, download.result.statement
        if len(data) < statement.bytes or not same(sha384_hex(memoryview(data)), statement.sha384):
            if len(data) == statement.bytes:
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
            self.standing.own_model = ModelReference(
                sha384=result.statement.sha384, train_block=result.statement.block
            )
        self._round_finished(result.statement)
