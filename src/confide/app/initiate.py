"""A's task from file to receipt: create it, verify its enclave, run the rounds, keep what comes."""

import json
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from confide.app import heads, task_file
from confide.app.attested import VerifiedEnclave
from confide.app.channel import Conversation, pauses
from confide.app.events import Event, Tell
from confide.app.intersect import Aligner
from confide.app.journal import AuditedFolder
from confide.app.party import Party, complete_receipt, enter, party_context
from confide.app.records import (
    HELD_OUT,
    MODEL,
    PICTURES,
    PREDICTION_PICTURES,
    PREDICTION_REPORT,
    PREDICTIONS,
    RECEIPT,
    REPORT,
    TaskFolder,
)
from confide.app.resuming import Origin, check_succession
from confide.audit.entry import Operation
from confide.audit.recorder import Recorder
from confide.core import canonical, limits
from confide.core.errors import (
    ConfideError,
    ConfigurationError,
    EvidenceUnavailable,
    JournalInvalid,
    PlatformFailed,
    TaskEnded,
    Unreachable,
)
from confide.core.platform_api import TaskKind, TaskRequest, TaskState, TaskStatus
from confide.data.dataset import PreparedDataset
from confide.data.projection import project
from confide.mpc.worker_process import check_library
from confide.party import written
from confide.party.initiator import Initiator, Job, ModelToBring
from confide.party.ports import Dataset
from confide.party.written import Written
from confide.protocol import faults
from confide.protocol.receipts import decode_signed_receipt
from confide.protocol.roles import Role
from confide.protocol.terms import Intersection, Task, columns_of
from confide.transport.host_client import HostClient

TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished task left behind; paths, and plain facts."""

    task: str
    folder: Path
    model: Path | None
    predictions: Path | None
    held_out: Path | None
    pictures: Path | None
    prediction_pictures: Path | None
    receipt: Path | None
    metrics: dict[str, Any]
    prediction: dict[str, Any]
    """What the newest prediction tells beside its file: statistics, drift."""
    curve: list[dict[str, float]]
    rounds: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "task": self.task,
            "folder": str(self.folder),
            "model": str(self.model) if self.model else None,
            "predictions": str(self.predictions) if self.predictions else None,
            "held_out": str(self.held_out) if self.held_out else None,
            "pictures": str(self.pictures) if self.pictures else None,
            "prediction_pictures": str(self.prediction_pictures) if self.prediction_pictures else None,
            "receipt": str(self.receipt) if self.receipt else None,
            "metrics": self.metrics,
            "prediction": self.prediction,
            "curve": self.curve,
            "rounds": self.rounds,
        }


def training_jobs(party: Party, train: Path, then: list[Path]) -> list[Job]:
    """The rounds of `confide task train`: a training, then predictions with its model in the same enclave.

    Raises ConfigurationError, DatasetCorrupt, and what is wrong with the files.
    """
    file, task = task_file.read_train(train, party.me)
    parameters = task_file.parameters_of(file)
    start = task_file.model_to_start_from(file, train)
    brought = None if start is None else ModelToBring(start.data, start.papers())
    jobs = [Job(task, file.algorithm.name, parameters, _dataset(party, task, train, file.dataset), brought)]
    for path in then:
        predict = task_file.read_predict(path)
        if predict.model is not None:
            raise ConfigurationError(f"{path}: after --then the model is the one just trained: drop 'model'")
        after = task_file.predict_task(predict, path, task)
        jobs.append(
            Job(after, file.algorithm.name, parameters, _dataset(party, after, path, predict.dataset))
        )
    return jobs


def prediction_jobs(party: Party, path: Path) -> list[Job]:
    """The round of `confide task predict`, with a model of an earlier task.

    Raises ConfigurationError, ModelFileInvalid, DatasetCorrupt.
    """
    file = task_file.read_predict(path)
    model = task_file.brought_model(file, path)
    block = model.agreement.block
    if block.task.initiator != party.me:
        raise ConfigurationError(f"{path}: the model was trained for {block.task.initiator}, not for us")
    task = task_file.predict_task(file, path, block.task)
    brought = ModelToBring(model.data, model.papers())
    parameters = block.algorithm.parameters
    return [Job(task, block.algorithm.name, parameters, _dataset(party, task, path, file.dataset), brought)]


def _dataset(party: Party, task: Task, beside: Path, relative: str) -> Dataset:
    """Our prepared dataset, of which only the columns that the task uses will leave."""
    dataset = PreparedDataset.open(beside.resolve().parent / relative)
    return project(dataset, columns_of(task, party.me))


def jobs_of(party: Party, origin: Origin) -> list[Job]:
    """The rounds that a command line has asked for. Raises what is wrong with the files."""
    first, *then = map(Path, origin.files)
    if origin.kind == TaskKind.TRAIN:
        return training_jobs(party, first, then)
    return prediction_jobs(party, first)


def run(party: Party, origin: Origin, tell: Tell, cancelled: threading.Event) -> Outcome:
    """Run a task to its receipt. Raises whatever ended it before; TaskCancelled once `cancelled` is set."""
    jobs, host = jobs_of(party, origin), party.host()
    if any(isinstance(job.task.alignment, Intersection) for job in jobs):
        check_library(party.config.mpc_python)
    try:
        status = _create(party, host, jobs[0].task)
        tell(Event("created", {"task": status.id, "platform": host.address}))
        with party.at_work(status.id):
            return _through(party, host, status, jobs, origin, tell=tell, cancelled=cancelled)
    finally:
        host.close()


def resume(party: Party, task: str, tell: Tell, cancelled: threading.Event) -> Outcome:
    """Go on with a task in whose middle our process died. As `run`; raises JournalInvalid, TaskInUse, too."""
    folder = party.folder(task)
    with party.at_work(task):
        return _go_on(party, task, folder, tell, cancelled)


def _go_on(party: Party, task: str, folder: AuditedFolder, tell: Tell, cancelled: threading.Event) -> Outcome:
    journal = party.journal(folder, task)
    if not journal.exists:
        raise JournalInvalid(f"no task {task} is under way here")
    found = journal.read()
    jobs = jobs_of(party, journal.origin)
    written.check_jobs_fit(found, [canonical.encode(job.task) for job in jobs])
    host = party.host()
    try:
        status = host.get_task(task)
        if status.state is TaskState.ENDED:
            journal.remove()
            raise PlatformFailed(f"the task has ended meanwhile: {status.outcome}", blame="platform")
        origin = journal.origin
        return _through(party, host, status, jobs, origin, tell=tell, cancelled=cancelled, found=found)
    finally:
        host.close()


def _through(
    party: Party,
    host: HostClient,
    status: TaskStatus,
    jobs: list[Job],
    origin: Origin,
    *,
    tell: Tell,
    cancelled: threading.Event,
    found: Written | None = None,
) -> Outcome:
    """`found`: what an earlier process of ours has written down."""
    try:
        try:
            heads.exchange_heads(party.heads, host, status.id)
            return _run_in(party, host, status, jobs, origin, tell=tell, cancelled=cancelled, found=found)
        except (ConfideError, KeyboardInterrupt) as end:
            if cancelled.is_set() or not isinstance(end, TaskEnded):
                _withdraw(host, status.id)
            raise
    finally:
        heads.try_to_exchange_heads(party.heads, host, status.id)


def _create(party: Party, host: HostClient, first: Task) -> TaskStatus:
    request = TaskRequest(
        name=first.name,
        kind=first.kind,
        initiator=first.initiator,
        providers=first.providers,
        token=party.randomness.bytes(TOKEN_BYTES).hex(),
    )
    recorder = Recorder(party.log)
    with recorder.doing(Operation.CREATE):
        status = host.create_task(request)
        recorder.task = status.id
    return status


def _withdraw(host: HostClient, task: str) -> None:
    """The enclave can't know that we shall not come (back): let it not wait for us. A host that can't be
    reached now changes nothing about why we leave.
    """
    with suppress(ConfideError):
        host.cancel_task(task)


def _run_in(
    party: Party,
    host: HostClient,
    status: TaskStatus,
    jobs: list[Job],
    origin: Origin,
    *,
    tell: Tell,
    cancelled: threading.Event,
    found: Written | None,
) -> Outcome:
    enclave = _enter(party, host, status, tell, cancelled)
    folder = party.folder(status.id)
    for job in jobs:
        folder.bring(job.task, job.dataset)
    journal = party.journal(folder, status.id, origin)
    aligner = Aligner(party, host, status.id, folder, journal, tell, cancelled)
    script = Initiator(party_context(party, enclave, folder, tell, aligner), jobs)
    if found is not None:
        check_succession(enclave, found.enclave, found.generation)
        over = len(found.finished)
        job = jobs[min(over, len(jobs) - 1)]
        script.take_up(written.standing_of(found, aligner.again(found, job.task, job.dataset), folder.came()))
        tell(Event("taken-up", {"rounds": over}))
    with closing(aligner):
        Conversation(party, Role.A, host, status, folder, journal, tell, cancelled).run(enclave, script)
    complete_receipt(party, host, status.id, folder, tell)
    return outcome_of(status.id, folder)


def _enter(
    party: Party, host: HostClient, status: TaskStatus, tell: Tell, cancelled: threading.Event
) -> VerifiedEnclave:
    """Nothing has been said yet: an enclave or PCCS that does not answer is tried again, a few times; and one
    that takes the place of another, anew. Raises whatever it failed with, TaskCancelled.
    """
    while True:
        status = _wait_for_enclave(party, host, status, cancelled)
        tell(Event("started", {"enclave": status.enclave_address}))
        for pause in (*islice(pauses(limits.IDLE_SECONDS), limits.MAX_RETRIES), None):
            try:
                return enter(party, status, tell)
            except (Unreachable, EvidenceUnavailable) as cause:
                missed = cause
            tell(Event("not-reached", {"reason": missed.message}))
            if pause is not None and cancelled.wait(pause):
                raise faults.cancelled(party.me)
            now = _look(host, status)
            if now.generation != status.generation or now.state is TaskState.ENDED:
                status = now
                break
        else:
            raise missed


def _wait_for_enclave(
    party: Party, host: HostClient, status: TaskStatus, cancelled: threading.Event
) -> TaskStatus:
    deadline = party.clock.monotonic() + limits.ENCLAVE_START_SECONDS
    while status.enclave_address is None:
        if cancelled.is_set():
            raise faults.cancelled(party.me)
        if status.state is TaskState.ENDED:
            raise PlatformFailed(f"the enclave did not start: {status.outcome}", blame="platform")
        if party.clock.monotonic() > deadline:
            raise PlatformFailed("the enclave did not start in time", blame="platform")
        cancelled.wait(limits.POLL_SECONDS / 5)
        status = _look(host, status)
    return status


def _look(host: HostClient, known: TaskStatus) -> TaskStatus:
    """How the task stands; a host that is away for a moment has nothing new to tell."""
    try:
        return host.get_task(known.id)
    except Unreachable:
        return known


def outcome_of(task: str, folder: TaskFolder) -> Outcome:
    """Read back what a task has left in its folder."""
    receipt_path = folder.path(RECEIPT)
    report, predicted = (_report(folder, name) for name in (REPORT, PREDICTION_REPORT))
    rounds = []
    if receipt_path:
        signed = decode_signed_receipt(receipt_path.read_bytes())
        rounds = [
            {
                "kind": str(done.kind),
                "task": done.task,
                "block": done.block,
                "signers": [*sorted(signed.signatures), "enclave"],
                "rows": msgspec.to_builtins(done.rows),
                "result": done.result.sha384,
            }
            | ({"gate": msgspec.to_builtins(done.gate)} if done.gate else {})
            for done in signed.receipt.rounds
        ]
    return Outcome(
        task=task,
        folder=folder.folder,
        model=folder.path(MODEL),
        predictions=next(filter(None, map(folder.path, PREDICTIONS)), None),
        held_out=next(filter(None, map(folder.path, HELD_OUT)), None),
        pictures=folder.path(PICTURES),
        prediction_pictures=folder.path(PREDICTION_PICTURES),
        receipt=receipt_path,
        metrics=report["metrics"],
        prediction=predicted["metrics"],
        curve=report["curve"],
        rounds=rounds,
    )


def _report(folder: TaskFolder, name: str) -> dict[str, Any]:
    path = folder.path(name)
    return json.loads(path.read_bytes()) if path else {"metrics": {}, "curve": []}
