"""What of our dataset is uploaded where the task asks for an intersection: found out with the other party.

Through the host's relay, over TLS between the two parties themselves. Implements party.ports.Align.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from confide.app.events import Event, Tell
from confide.app.files import make_private_folder
from confide.app.journal import AuditedFolder
from confide.app.party import Party
from confide.audit.entry import Object, Operation
from confide.audit.recorder import Recorder
from confide.core import limits
from confide.core.digest import digest_of
from confide.core.errors import (
    CertificateInvalid,
    ChannelClosed,
    IntersectionFailed,
    IntersectionTooSmall,
    RemoteProtocolError,
    SealError,
    TooManyQuarantined,
    TransportError,
)
from confide.core.platform_api import TaskState
from confide.core.ports import Link
from confide.crypto.certificates import verify_role
from confide.crypto.identity import IdentityRole
from confide.data.alignment.agreed_order import order_of
from confide.data.alignment.normal_ids import by_rule, usable
from confide.data.arrow import Array
from confide.data.ordered import NOWHERE, Places, ids_of, write_ordered
from confide.mpc.end_to_end import Ends, SecureLink
from confide.mpc.intersection import Found, Settings, check_library, intersect
from confide.mpc.tunnel import Tunnel
from confide.party.ports import Dataset, Decide, Yes
from confide.protocol import faults
from confide.protocol.messages import Offer
from confide.protocol.terms import IdRule, Intersection, Task
from confide.transport.host_client import HostClient

_WORK = ".intersect"
_LOOK_SECONDS = 2 * limits.POLL_SECONDS
"""How often somebody who waits for the other party asks the host whether there is still a task."""
_LOST = (TransportError, RemoteProtocolError, SealError)
"""What a tunnel that breaks, or never stands, ends in."""


@dataclass(slots=True)
class Aligner:
    """One party, one task. What it has written is removed by `close`."""

    party: Party
    host: HostClient
    task_id: str
    folder: AuditedFolder
    tell: Tell
    cancelled: threading.Event
    _done: dict[str, Dataset] = field(default_factory=dict)

    def __call__(self, task: Task, dataset: Dataset) -> Dataset:
        """See party.ports.Align.

        Raises:
            IntersectionFailed, IntersectionTooSmall, TooManyQuarantined, MpcUnavailable, CertificateInvalid.
        """
        terms, key = task.alignment, digest_of(task)
        if not isinstance(terms, Intersection):
            return dataset
        if key not in self._done:
            self._check_share(task, dataset)
            self._done[key] = self._align(task, terms, dataset)
            self.folder.bring(task, self._done[key])
        return self._done[key]

    def close(self) -> None:
        """Remove the datasets that were cut to an intersection: their rows tell who is in it. Idempotent."""
        for number in range(len(self._done)):
            shutil.rmtree(self._place(number), ignore_errors=True)
        self._done.clear()
        with suppress(OSError):
            self._work.rmdir()

    @property
    def _work(self) -> Path:
        return self.party.config.path(self.party.config.config.records) / _WORK

    def _place(self, number: int) -> Path:
        """Named after our process: what a killed one leaves, the next intersection removes."""
        return self._work / f"{os.getpid()}-{self.task_id}-{number}"

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
        recorder = Recorder(self.party.log, self.task_id)
        with recorder.doing(Operation.INTERSECT) as result:
            found = self._until_found(task, terms, ids.take(rows))
            common = None if found.rows is None else len(found.rows)
            result.append(Object(kind="ids", rows=common, bytes=found.sent))
            if common is not None and common < terms.minimum_size:
                text = f"fewer ids are in common than the {terms.minimum_size} that were agreed on"
                raise IntersectionTooSmall(text)
        facts = {"ids": len(rows), "common": common, "sent": found.sent, "received": found.received}
        self.tell(Event("intersected", facts))
        if found.rows is None and terms.ids is IdRule.EXACT_1:
            return dataset
        places = _places(ids, rows if found.rows is None else rows[found.rows])
        place = self._place(len(self._done))
        shutil.rmtree(place, ignore_errors=True)
        make_private_folder(place)
        return write_ordered(dataset, ids, places, place, terms.block_rows)

    def _until_found(self, task: Task, terms: Intersection, ids: Array) -> Found:
        """A tunnel that breaks is opened anew, and all is done again: nothing half done is kept."""
        for attempt in range(limits.MAX_RETRIES + 1):
            try:
                return self._once(task, terms, ids)
            except IntersectionFailed as failed:
                if self.cancelled.is_set():
                    raise faults.cancelled(self.party.me) from None
                if attempt == limits.MAX_RETRIES or self._over():
                    raise
                self.tell(Event("intersecting-again", {"reason": failed.message}))
                self.cancelled.wait(limits.POLL_SECONDS)
        raise IntersectionFailed("not found")  # the loop returns or raises

    def _once(self, task: Task, terms: Intersection, ids: Array) -> Found:
        purpose = digest_of({"task": self.task_id, "agreed": digest_of(task)})
        settings = Settings(
            protocol=terms.protocol,
            both_learn=terms.ordered,
            receiver=self.party.me == task.initiator,
            name=purpose,
            folder=self._work,
            python=self.party.config.mpc_python,
        )
        return intersect(
            ids,
            settings,
            lambda target: self._tunnel(task, purpose, target),
            randomness=self.party.randomness,
            tell=self._progress,
            cancelled=self.cancelled,
        )

    def _progress(self, stage: str, done: int, total: int | None) -> None:
        facts = {"stage": stage, "done": done, "total": total or 0, "metrics": {}}
        self.tell(Event("progress", facts))

    @contextmanager
    def _tunnel(self, task: Task, purpose: str, target: Callable[[], int]) -> Iterator[Tunnel]:
        initiator = self.party.me == task.initiator
        peer = task.providers[0] if initiator else task.initiator
        with closing(self.host.relay(self.task_id, peer)) as leg:
            try:
                self._wait_for(leg)
                secured = SecureLink(leg, self._ends(peer, purpose, client=initiator))
            except _LOST as cause:
                raise IntersectionFailed(f"no tunnel to {peer}: {cause.message}", blame=peer) from None
            with Tunnel(secured, target, first=initiator) as tunnel:
                yield tunnel

    def _wait_for(self, leg: Link) -> None:
        """The first frame is empty: the peer has come to its leg. It may not come: the task may be over."""
        while True:
            try:
                leg.receive(_LOOK_SECONDS)
            except TimeoutError:
                self._check_alive()
            else:
                return

    def _over(self) -> bool:
        """Whether the task has ended. A host that is away does not know."""
        try:
            return self.host.get_task(self.task_id).state is TaskState.ENDED
        except TransportError:
            return False

    def _check_alive(self) -> None:
        if self.cancelled.is_set():
            raise faults.cancelled(self.party.me)
        if self._over():
            raise ChannelClosed("the task has ended")

    def _ends(self, peer: str, purpose: str, *, client: bool) -> Ends:
        party, identity = self.party, self.party.identity

        def check(certificate: bytes) -> None:
            found = verify_role(certificate, identity.ca_pem, party.clock.now(), IdentityRole.PARTY)
            if found.name != peer:
                raise CertificateInvalid(f"{found.name} is at the other end of the tunnel, not {peer}")

        return Ends(
            key=identity.private_key,
            certificate_pem=identity.certificate_pem,
            ca_pem=identity.ca_pem,
            check_peer=check,
            client=client,
            purpose=purpose,
            randomness=party.randomness,
        )


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
