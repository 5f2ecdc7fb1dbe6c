"""B's service: watch the platform for tasks that name us, verify each enclave, take part."""

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from confide.app import heads
from confide.app.attested import VerifiedEnclave
from confide.app.channel import Conversation, pauses
from confide.app.events import Event, Tell
from confide.app.intersect import Aligner, able
from confide.app.journal import AuditedFolder
from confide.app.party import Party, complete_receipt, enter, party_context
from confide.app.records import RECEIPT
from confide.app.resuming import JOURNAL, TaskJournal, check_succession
from confide.core import limits
from confide.core.errors import (
    ConfideError,
    EvidenceUnavailable,
    TaskInUse,
    TransportError,
)
from confide.core.platform_api import TaskState, TaskStatus
from confide.data.dataset import PreparedDataset
from confide.data.projection import project
from confide.party import written
from confide.party.ports import Decide
from confide.party.provider import Provider
from confide.protocol.roles import Role
from confide.protocol.terms import columns_of
from confide.transport.host_client import HostClient

TellTask = Callable[[TaskStatus], Tell]


class ProviderService:
    """Takes part in every task that names us, each in a thread of its own."""

    def __init__(
        self,
        party: Party,
        decide: Decide,
        tell_of: TellTask,
        *,
        most: int | None = None,
        known: Callable[[str], bool] | None = None,
    ) -> None:
        """`tell_of(status)` gives the listener for one task; `most`: stop after so many tasks; `known` tells
        which initiators may be consented to at all, where that is decided beforehand.
        """
        self._party, self._decide, self._tell_of = party, decide, tell_of
        self._most, self._known = most, known
        self._seen: set[str] = set()
        self._threads: dict[threading.Thread, str] = {}
        """Of each task, and who is its initiator."""
        self.errors: list[ConfideError] = []

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set, or `most` tasks have ended. A host that is away is asked again.

        Raises Unreachable if the host can't be reached at the start.
        """
        host = self._party.host()
        try:
            while not stop.is_set() and not self._finished():
                self._look(host, stop)
                stop.wait(limits.POLL_SECONDS / 2)
            for thread in self._threads:
                thread.join()
        finally:
            host.close()

    def _finished(self) -> bool:
        """A task that is under way may still turn out as one that we could not reach, and not count."""
        return not any(thread.is_alive() for thread in self._threads) and self._enough()

    def _enough(self) -> bool:
        return self._most is not None and len(self._seen) >= self._most

    def _look(self, host: HostClient, stop: threading.Event) -> None:
        if self._enough():
            return
        try:
            statuses = host.list_tasks()
        except TransportError:
            return
        for status in reversed(statuses):
            if self._is_new(status) and not self._enough():
                self._seen.add(status.id)
                thread = threading.Thread(
                    target=self._take_part, args=(status, stop), name=f"task {status.id}", daemon=True
                )
                thread.start()
                self._threads[thread] = status.initiator

    def _is_new(self, status: TaskStatus) -> bool:
        return (
            status.state is TaskState.RUNNING
            and status.enclave_address is not None
            and self._party.me in status.providers
            and status.id not in self._seen
            and not self._receipted(status.id)
            and self._has_place(status.initiator)
        )

    def _has_place(self, initiator: str) -> bool:
        """A task holds its place also while its initiator says nothing: nobody gets them all."""
        held = [who for thread, who in self._threads.items() if thread.is_alive()]
        unknown = [who for who in (*held, initiator) if self._known is not None and not self._known(who)]
        return (
            len(held) < limits.MAX_TASKS_OF_PROVIDER
            and held.count(initiator) < limits.MAX_TASKS_OF_PROVIDER_BY_INITIATOR
            and (initiator not in unknown or len(unknown) <= limits.MAX_TASKS_OF_PROVIDER_BY_UNKNOWN)
        )

    def _receipted(self, task: str) -> bool:
        """Whether an earlier process of ours has come to the end of it, and seen the host record it."""
        folder = self._party.config.path(self._party.config.config.records) / task
        return (folder / RECEIPT).exists() and not (folder / JOURNAL).exists()

    def _take_part(self, status: TaskStatus, stop: threading.Event) -> None:
        tell = self._tell_of(status)
        try:
            self._converse(status, tell, stop)
        except _NotReached:
            stop.wait(limits.POLL_SECONDS)
            self._seen.discard(status.id)  # if it still runs, it will be looked at again
        except TaskInUse as busy:
            tell(Event("in-use", {"reason": busy.message}))
            stop.wait(limits.REJOIN_PAUSE_SECONDS)
            self._seen.discard(status.id)  # should the other process die, we go on
        except ConfideError as error:
            self.errors.append(error)
            tell(Event("ended", {"code": error.code, "reason": error.message, "blame": error.blame}))
        else:
            tell(Event("ended", {"code": None, "reason": "completed", "blame": None}))

    def _converse(self, status: TaskStatus, tell: Tell, stop: threading.Event) -> None:
        party = self._party
        host = party.host()
        try:
            folder = party.folder(status.id)
            with party.at_work(status.id):
                self._take_part_in(host, status, folder, tell, stop)
        finally:
            host.close()

    def _take_part_in(
        self, host: HostClient, status: TaskStatus, folder: AuditedFolder, tell: Tell, stop: threading.Event
    ) -> None:
        party = self._party
        try:
            tell(Event("invited", {"task": status.id, "name": status.name, "initiator": status.initiator}))
            enclave = self._enter(host, status, tell, stop)
            journal = party.journal(folder, status.id)
            aligner = Aligner(party, host, status.id, folder, journal, tell, stop)
            decide = able(folder.deciding(self._decide), party.config.mpc_python)
            script = Provider(party_context(party, enclave, folder, tell, aligner), decide, status.initiator)
            if journal.exists:
                self._take_up(script, journal, folder, enclave, aligner)
                tell(Event("taken-up", {"rounds": len(script.standing.finished)}))
            with closing(aligner):
                Conversation(party, Role.B, host, status, folder, journal, tell, stop).run(enclave, script)
            complete_receipt(party, host, status.id, folder, tell)
        finally:
            heads.try_to_exchange_heads(party.heads, host, status.id)

    def _take_up(
        self,
        script: Provider,
        journal: TaskJournal,
        folder: AuditedFolder,
        enclave: VerifiedEnclave,
        aligner: Aligner,
    ) -> None:
        """Our process died in the middle of this task."""
        found = journal.read()
        check_succession(enclave, found.enclave, found.generation)
        if found.expected is None or not journal.origin.dataset:
            script.take_up(written.standing_of(found, None, b""))
            return
        task, path = found.expected.task, Path(journal.origin.dataset)
        dataset = project(PreparedDataset.open(path), columns_of(task, self._party.me))
        folder.bring(task, dataset)
        standing = written.standing_of(found, dataset, b"")
        standing.dataset = aligner.again(found, task, dataset)
        script.take_up(standing)

    def _enter(
        self, host: HostClient, status: TaskStatus, tell: Tell, stop: threading.Event
    ) -> VerifiedEnclave:
        """Nothing has been said yet: an enclave or PCCS that does not answer is tried again, as long as the
        task runs, for it waits for us.
        """
        exchanged = False
        for pause in pauses(limits.IDLE_SECONDS):
            try:
                if not exchanged:
                    heads.exchange_heads(self._party.heads, host, status.id)
                    exchanged = True
                return enter(self._party, status, tell)
            except (TransportError, EvidenceUnavailable) as cause:
                tell(Event("not-reached", {"reason": cause.message}))
            if stop.wait(pause):
                break
            with suppress(TransportError):
                status = host.get_task(status.id)
            if status.state is TaskState.ENDED:
                break
        raise _NotReached


class _NotReached(Exception):
    """The enclave could not be attested because somebody did not answer, until the task ended or we did."""
