"""A party's way through one task over as many channels as it takes: what is lost is taken up again.

A channel is lost when the connection breaks, or when a sealed message does not open. The task is not: the
party attests the same enclave anew, or one that takes its place, joins with new keys, and its script goes on
(spec/protocol.md, "Rejoin", "A fresh enclave").
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from confide.app.allocation import keep_block_memory
from confide.app.attested import VerifiedEnclave
from confide.app.events import Event, Tell
from confide.app.journal import AuditedFolder
from confide.app.party import Party, enter, evidence_check
from confide.app.resuming import TaskJournal, check_succession
from confide.core import enclave_config, limits
from confide.core.enclave_config import der_of_pem
from confide.core.errors import (
    ChannelClosed,
    ConfideError,
    EnclaveReplaced,
    EvidenceUnavailable,
    PlatformFailed,
    SealError,
    TransportError,
    Unreachable,
)
from confide.core.platform_api import TaskState, TaskStatus
from confide.party.participant import Participant
from confide.protocol import faults
from confide.protocol.messages import Message, Progress
from confide.protocol.roles import Role
from confide.session.conversation import converse
from confide.session.join import join
from confide.transport.host_client import HostClient

_LOST = (SealError, ChannelClosed, Unreachable)
"""A channel that ended in one of these may be taken up again; another error is an answer."""
_NOT_REACHED = (ChannelClosed, Unreachable)
"""The task may still be there: another process of ours may go on with it."""
_NOT_NOW = (TransportError, EvidenceUnavailable)
"""Somebody does not answer at the moment."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One party, one task, one script."""

    party: Party
    role: Role
    host: HostClient
    status: TaskStatus
    folder: AuditedFolder
    journal: TaskJournal
    tell: Tell
    cancelled: threading.Event

    def run(self, enclave: VerifiedEnclave, script: Participant) -> None:
        """Join, and run the script until it has closed, on a new channel whenever one is lost.

        `enclave` is closed in the end. Raises whatever ended the task, or why it can't be taken up.
        """
        keep_block_memory()
        try:
            last = self._through(enclave, script)
        except ConfideError as error:
            self.folder.failed(error)
            if not isinstance(error, _NOT_REACHED):
                self.journal.remove()
            raise
        self._see_out(last, script)
        self.journal.remove()

    def _see_out(self, enclave: VerifiedEnclave, script: Participant) -> None:
        """We hold the receipt. An enclave that died with its last words left others without it: until the
        host has recorded the end, we come to the next one and show it. If that fails, our task is over all
        the same.
        """
        generation, deadline = enclave.generation, self.party.clock.monotonic() + limits.CALL_SECONDS
        while self.party.clock.monotonic() < deadline and not self.cancelled.wait(limits.POLL_SECONDS / 4):
            try:
                status = self.host.get_task(self.status.id)
                if status.state is TaskState.ENDED:
                    return
                if status.generation <= generation or status.enclave_address is None:
                    continue
                fresh = self._follow(enclave, script, enter(self.party, status, _silent))
            except _NOT_NOW:
                continue
            except ConfideError as error:
                self.tell(Event("not-shown", {"code": error.code, "reason": error.message}))
                return
            generation, deadline = fresh, self.party.clock.monotonic() + limits.CALL_SECONDS

    def _follow(self, before: VerifiedEnclave, script: Participant, fresh: VerifiedEnclave) -> int:
        """Show the receipt to an enclave that takes the place of ours. Returns its generation."""
        with fresh.pinned:
            check_succession(fresh, before.identity, before.generation)
            script.lost()
            script.moved(fresh.identity, fresh.collateral.decode(), evidence_check(self.party, fresh))
            self._talk(fresh, script, threading.Event())
        return fresh.generation

    def _through(self, enclave: VerifiedEnclave, script: Participant) -> VerifiedEnclave:
        """Returns the enclave with which it came to its end."""
        waits = pauses(_patience(enclave))
        while True:
            heard = threading.Event()
            try:
                with enclave.pinned:
                    self._talk(enclave, script, heard)
            except _LOST as lost:
                if script.standing.receipt is not None:
                    return enclave  # all that was left to say is that we hold it
                if heard.is_set():
                    script.lost()
                    waits = pauses(_patience(enclave))
                enclave = self._again(enclave, lost, waits)
                check = evidence_check(self.party, enclave)
                script.moved(enclave.identity, enclave.collateral.decode(), check)
            else:
                return enclave

    def _talk(self, enclave: VerifiedEnclave, script: Participant, heard: threading.Event) -> None:
        """Sets `heard` once the enclave has let us in: it has said something."""
        party = self.party
        link = enclave.pinned.open_channel()

        def note(way: str, message: Message, state: str) -> None:
            heard.set()
            news = isinstance(message, Progress) and script.note_checkpoint(message)
            if way == "said" or news:
                self.journal.step(message, script.standing, enclave.identity, enclave.generation)
            self.folder.note(way, message, state)

        try:
            envelope, channel = join(
                enclave.attested,
                party=party.me,
                role=self.role,
                certificate=der_of_pem(party.identity.certificate_pem.decode()),
                signer=party.identity.private_key,
                randomness=party.randomness,
                last=script.last_signed,
            )
            link.send(envelope)
            converse(link, channel, script, note=note, cancelled=self.cancelled, us=party.me)
        finally:
            link.close()

    def _again(self, enclave: VerifiedEnclave, lost: ConfideError, waits: Iterator[float]) -> VerifiedEnclave:
        """The same enclave, or one that takes its place, verified anew.

        Raises when there is none, it may not take our task up, or can't be reached.
        """
        self.tell(Event("channel-lost", {"code": lost.code, "reason": lost.message}))
        newest = enclave.generation
        while (pause := next(waits, None)) is not None:
            if self.cancelled.wait(pause):
                raise faults.cancelled(self.party.me)
            status = self._look_at_host()
            if status.generation > newest:  # that another one is started is progress
                newest, waits = status.generation, pauses(_patience(enclave))
            try:
                found = enter(self.party, status, _silent)
            except _NOT_NOW as cause:
                self.tell(Event("not-back-yet", {"reason": cause.message}))
                continue
            try:
                check_succession(found, enclave.identity, enclave.generation)
            except EnclaveReplaced:
                found.pinned.close()
                raise
            came = "back" if found.identity == enclave.identity else "fresh-enclave"
            self.tell(Event(came, {"steps": len(found.steps), "generation": found.generation}))
            return found
        raise ChannelClosed(f"the enclave could not be reached again in time ({lost.message})")

    def _look_at_host(self) -> TaskStatus:
        """What there is to come back to. A host that is away does not know: then where the enclave was."""
        try:
            status = self.host.get_task(self.status.id)
        except TransportError:
            return self.status
        if status.state is TaskState.ENDED:
            text = f"the enclave of task {self.status.id} has ended: {status.outcome}"
            raise PlatformFailed(text, blame="platform")
        return status


def _patience(enclave: VerifiedEnclave) -> int:
    return enclave_config.decode(enclave.attested.config).idle_seconds


def pauses(altogether: float) -> Iterator[float]:
    """Seconds to wait before each attempt: twice as long each time, up to a limit; then no more."""
    pause, waited = limits.FIRST_PAUSE_SECONDS, 0.0
    while waited < altogether:
        yield pause
        waited += pause
        pause = min(2 * pause, limits.REJOIN_PAUSE_SECONDS)


def _silent(_: Event) -> None:
    """What the first verification has shown need not be shown again."""
