"""What of our dataset is uploaded where the task asks for an intersection: found out with the other party.

With one other party at a time (protocol/runs.py), over TLS between the two. Implements party.ports.Align.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from confide.app.common_rows import CommonRows, Kept
from confide.app.events import Event, Tell
from confide.app.journal import AuditedFolder
from confide.app.meeting import Meeting, NobodyCame
from confide.app.party import Party
from confide.app.resuming import COMMON_ROWS_GONE, TaskJournal
from confide.audit.entry import Object, Operation
from confide.audit.recorder import Recorder
from confide.core import limits
from confide.core.digest import digest_of, sha384_hex
from confide.core.errors import (
    IntersectionChanged,
    IntersectionFailed,
    IntersectionTooSmall,
    JournalInvalid,
    TooManyQuarantined,
)
from confide.crypto.cache_key import CacheKey
from confide.data.alignment.agreed_order import order_of
from confide.data.alignment.normal_ids import by_rule, usable
from confide.data.arrow import Array
from confide.data.ordered import NOWHERE, Places, ids_of, write_ordered
from confide.mpc.cache import Cache
from confide.mpc.intersection import Found, Intersecting, Settings, intersecting
from confide.mpc.work_folder import private_folder
from confide.mpc.worker_process import check_library
from confide.party.checks import Expected
from confide.party.ports import Dataset, Decide, Yes
from confide.party.written import Written
from confide.protocol import faults
from confide.protocol.messages import Offer
from confide.protocol.runs import Run, purpose_of, runs_of
from confide.protocol.terms import IdRule, Intersection, Task
from confide.transport.host_client import HostClient

_WORK, _CACHES = ".intersect", ".caches"


@dataclass(slots=True)
class Aligner:
    """One party, one task. What it has written is removed by `close`, and with the task's journal."""

    party: Party
    host: HostClient
    task_id: str
    folder: AuditedFolder
    journal: TaskJournal
    tell: Tell
    cancelled: threading.Event
    _done: dict[str, Dataset] = field(default_factory=dict)
    _folders: ExitStack = field(default_factory=ExitStack)
    _common: CommonRows = field(init=False)

    def __post_init__(self) -> None:
        self._common = CommonRows(self.journal)

    def __call__(self, task: Task, dataset: Dataset) -> Dataset:
        """See party.ports.Align.

        Raises:
            IntersectionFailed, IntersectionTooSmall, IntersectionChanged, TooManyQuarantined,
            MpcUnavailable, JournalInvalid.
        """
        terms, key = task.alignment, digest_of(task)
        if not isinstance(terms, Intersection):
            return dataset
        if key not in self._done:
            self._check_share(task, dataset)
            self._done[key] = self._align(task, terms, dataset)
            self.folder.bring(task, self._done[key])
        return self._done[key]

    def recall(self, task: Task, dataset: Dataset) -> Dataset | None:
        """What an earlier process of ours has found to be brought; None if it has not come to that.

        Raises JournalInvalid.
        """
        if not isinstance(task.alignment, Intersection):
            return dataset
        kept = self._common.of(digest_of(task), sha384_hex(dataset.manifest_bytes))
        return self(task, dataset) if all(number in kept for number in self._ours(task)) else None

    def again(self, found: Written, task: Task, dataset: Dataset) -> Dataset:
        """What a process that takes up `task` brings, at whatever an earlier one had come to.

        Raises JournalInvalid, and then nothing is to be taken up any more.
        """
        try:
            return self._recalled(found.expected, task, dataset)
        except JournalInvalid:
            self.journal.remove()
            raise

    def _recalled(self, expected: Expected | None, task: Task, dataset: Dataset) -> Dataset:
        recalled = self.recall(task, dataset)
        if recalled is not None:
            return recalled
        if expected is not None and expected.task == task and expected.commitment:
            raise JournalInvalid(COMMON_ROWS_GONE)
        return dataset

    def close(self) -> None:
        """Remove the datasets that were cut to an intersection: their rows tell who is in it. Idempotent."""
        self._folders.close()
        self._done.clear()

    @property
    def _work(self) -> Path:
        return self.party.config.path(self.party.config.config.records) / _WORK

    def _check_share(self, task: Task, dataset: Dataset) -> None:
        """The enclave will not hear of the rows that stay here, and so not of those put aside among them."""
        manifest = dataset.manifest
        if manifest.quarantined_rows > task.maximum_quarantined_share * manifest.source.rows:
            text = f"{self.party.me} quarantined more rows while preparing than the task allows"
            raise TooManyQuarantined(text, blame=self.party.me)

    def _align(self, task: Task, terms: Intersection, dataset: Dataset) -> Dataset:
        column = by_rule(ids_of(dataset), terms.ids)
        ids: Array = column.combine_chunks()
        rows = usable(column)
        kept = self._common.of(digest_of(task), sha384_hex(dataset.manifest_bytes))
        known = all(number in kept and kept[number].heard for number in self._ours(task))
        through = self._through if known else self._told
        common = through(task, terms, ids.take(rows), kept)
        if common is None and terms.ids is IdRule.EXACT_1:
            return dataset
        places = _places(ids, rows if common is None else rows[common])
        place = self._folders.enter_context(private_folder(self._work))
        return write_ordered(dataset, ids, places, place, terms.block_rows)

    def _ours(self, task: Task) -> list[int]:
        """Numbers of the runs in which we take part."""
        return [run.number for run in runs_of(task) if self.party.me in {task.initiator, run.provider}]

    def _told(self, task: Task, terms: Intersection, ids: Array, kept: dict[int, Kept]) -> Places | None:
        """As `_through`; what takes place is logged, and told to whoever watches."""
        with Recorder(self.party.log, self.task_id).doing(Operation.INTERSECT) as result:
            common = self._through(task, terms, ids, kept)
            count = None if common is None else len(common)
            result.append(Object(kind="ids", rows=count, bytes=sum(run.sent for run in kept.values())))
        sent, received = (sum(getattr(run, way) for run in kept.values()) for way in ("sent", "received"))
        facts = {"ids": len(ids), "common": count, "sent": sent, "received": received}
        self.tell(Event("intersected", facts))
        return common

    def _through(self, task: Task, terms: Intersection, ids: Array, kept: dict[int, Kept]) -> Places | None:
        """One run after another. Which of `ids` are common to all; None if we do not learn it."""
        left, learned = np.arange(len(ids)), False
        for run in runs_of(task):
            if self.party.me not in {task.initiator, run.provider}:
                continue
            brought = len(left)
            if run.number not in kept or not kept[run.number].heard:
                self._until_found(task, terms, run, ids.take(left), kept)
            common = kept[run.number].rows(brought)
            if common is None:
                continue
            learned, left = True, left[common]
            if run.known and self.party.me == task.initiator and len(left) < brought:
                text = f"{run.provider} brought other ids to its second run than to its first"
                raise IntersectionChanged(text, blame=run.provider)
            if len(left) < terms.minimum_size:
                text = f"fewer ids are in common than the {terms.minimum_size} that were agreed on"
                raise IntersectionTooSmall(text)
        return left if learned else None

    def _until_found(
        self, task: Task, terms: Intersection, run: Run, ids: Array, kept: dict[int, Kept]
    ) -> None:
        """A tunnel that breaks is opened anew, and the run begins anew; what was found is written down."""

        def keep(found: Found) -> None:
            kept[run.number] = Kept.of(found.rows, len(ids), found.sent, found.received)
            self._common.write()

        settings = self._settings(task, terms, run)
        self._tell_run(task, run, len(ids))
        with intersecting(
            ids,
            settings,
            randomness=self.party.randomness,
            tell=self._progress,
            cancelled=self.cancelled,
        ) as attempts:
            if run.number in kept:
                attempts.found = Found(kept[run.number].rows(len(ids)), 0, 0, 0)
            for attempt in range(limits.MAX_RETRIES + 1):
                try:
                    self._attempt(task, run, attempts, keep)
                    break
                except NobodyCame as absent:
                    if attempts.found is not None:
                        break
                    self._again(IntersectionFailed(f"nobody came in time ({absent.where})"), attempt)
                except IntersectionFailed as failed:
                    if attempts.found is not None and attempt == limits.MAX_RETRIES:
                        break
                    self._again(failed, attempt)
        kept[run.number].heard = True
        self._common.write()

    def _attempt(self, task: Task, run: Run, attempts: Intersecting, keep: Callable[[Found], None]) -> None:
        initiator = self.party.me == task.initiator
        peer = run.provider if initiator else task.initiator
        patience = limits.RELAY_WAIT_SECONDS if initiator else limits.INTERSECTION_SECONDS
        if attempts.found is not None:  # the other one may have gone on: then it does not come
            patience = limits.LAST_WORD_SECONDS
        purpose, meeting = attempts.settings.name, self._meeting
        attempts.attempt(
            lambda target: meeting.tunnel(peer, purpose, target, client=initiator, patience=patience), keep
        )

    def _tell_run(self, task: Task, run: Run, ids: int) -> None:
        ours = self._ours(task)
        facts = {
            "ids": ids,
            "peer": run.provider if self.party.me == task.initiator else task.initiator,
            "protocol": getattr(task.alignment, "protocol", ""),
            "run": ours.index(run.number) + 1,
            "runs": len(ours),
        }
        self.tell(Event("intersecting", facts))

    def _again(self, failed: IntersectionFailed, attempt: int) -> None:
        """It is tried again. Raises `failed` where there is no use in that."""
        if self.cancelled.is_set():
            raise faults.cancelled(self.party.me) from None
        if attempt == limits.MAX_RETRIES or self._meeting.over():
            raise failed
        self.tell(Event("intersecting-again", {"reason": failed.message}))
        self.cancelled.wait(limits.POLL_SECONDS)

    @property
    def _meeting(self) -> Meeting:
        return Meeting(self.party, self.host, self.task_id, self.cancelled)

    def _settings(self, task: Task, terms: Intersection, run: Run) -> Settings:
        receiver = self.party.me == task.initiator
        return Settings(
            protocol=terms.protocol,
            both_learn=run.both_learn,
            receiver=receiver,
            name=purpose_of(self.task_id, task, run),
            folder=self._work,
            python=self.party.config.mpc_python,
            cache=self._cache(task, run.provider if receiver else task.initiator, receiver=receiver),
        )

    def _cache(self, task: Task, peer: str, *, receiver: bool) -> Cache:
        """Of unbalanced intersections with `peer`: to train with other rows than to predict."""
        name = f"{'from' if receiver else 'for'}-{peer}-{task.kind}"
        folder = self.party.config.path(self.party.config.config.records) / _CACHES / name
        return Cache(folder, CacheKey(self.party.identity.private_key, name), self.party.randomness)

    def _progress(self, stage: str, done: int, total: int | None) -> None:
        facts = {"stage": stage, "done": done, "total": total or 0, "metrics": {}}
        self.tell(Event("progress", facts))


def able(decide: Decide, python: str) -> Decide:
    """`decide`, but no where the task asks for an intersection that can't be made here."""

    def asked(offer: Offer, measurement: str) -> Yes:
        if isinstance(offer.task.alignment, Intersection):
            check_library(python)
        return decide(offer, measurement)

    return asked


def _places(ids: Array, rows: Places) -> Places:
    places = np.full(len(ids), NOWHERE, np.int64)
    places[rows[order_of(ids.take(rows))]] = np.arange(len(rows))
    return places
