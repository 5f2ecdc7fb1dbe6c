"""Signed heads: made by a log's owner, believed by nobody without the CA (spec/audit.md, "Heads")."""

import dataclasses
import threading
from collections import OrderedDict

from confide.audit.entry import DONE, Event, HeadDocument, Moment, Operation
from confide.audit.log import AuditLog
from confide.core import limits
from confide.core.errors import AuditInvalid, CertificateInvalid, SignatureInvalid
from confide.core.platform_api import AUDIT_HEAD_CONTEXT, SignedHead
from confide.core.ports import Clock, Signer
from confide.crypto import signatures
from confide.crypto.certificates import verify_certificate
from confide.crypto.identity import identity_uri


@dataclasses.dataclass(frozen=True, slots=True)
class HeadKeeper:
    """Makes heads of one log and keeps those of others in it."""

    log: AuditLog
    signer: Signer
    certificate_pem: str
    ca_pem: bytes
    clock: Clock

    def make(self, task: str) -> SignedHead:
        """A head over all that the log holds now, which is then an entry itself.

        Raises AuditUnavailable, AuditInvalid.
        """
        last = self.log.latest()
        unsigned = SignedHead(
            log=self.log.owner,
            number=last.number,
            digest=last.digest,
            task=task,
            time=self.clock.now(),
            certificate=self.certificate_pem,
        )
        signature = self.signer.sign(AUDIT_HEAD_CONTEXT, unsigned.message())
        head = dataclasses.replace(unsigned, signature=signature)
        self.write(head)
        return head

    def check(self, head: SignedHead, *, task: str) -> None:
        """That another's head is its owner's, well-formed, and about `task`. Raises AuditInvalid."""
        if head.task != task:
            raise AuditInvalid("a head was given for another task")
        HeadDocument.of(head)
        verify_head(head, self.ca_pem)

    def write(self, head: SignedHead) -> None:
        """Write a head down that was made or checked. Raises AuditUnavailable, AuditInvalid."""
        event = Event(
            actor=head.log.rpartition(":")[2],
            operation=Operation.HEAD,
            moment=Moment.AFTER,
            outcome=DONE,
            task=head.task,
            head=HeadDocument.of(head),
        )
        self.log.append(event)


def verify_head(head: SignedHead, ca_pem: bytes) -> None:
    """The head is signed by the identity whose log it names, under the CA, at its own time.

    Raises AuditInvalid, naming who is said to have signed it.
    """
    try:
        identity = verify_certificate(head.certificate.encode(), ca_pem, head.time)
        signatures.verify(identity.public_key, AUDIT_HEAD_CONTEXT, head.message(), head.signature)
    except (CertificateInvalid, SignatureInvalid, ValueError) as cause:
        raise AuditInvalid(f"the head of {head.log} is not signed by it: {cause}") from None
    if head.log != identity_uri(identity.name, identity.role):
        raise AuditInvalid(f"the head of {head.log} is signed by {identity.name}", blame=identity.name)


Kept = tuple[SignedHead, SignedHead]
"""A head that came, and ours that was the answer."""


class LatestHeads:
    """The newest head of each log, by task; of the newest limits.MAX_AUDITED_TASKS tasks."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, dict[str, Kept]] = OrderedDict()
        self._lock = threading.Lock()

    def answer_to(self, head: SignedHead) -> SignedHead | None:
        """What was answered to the newest head of that log for that task, unless `head` is newer."""
        with self._lock:
            kept = self._tasks.get(head.task, {}).get(head.log)
        return kept[1] if kept is not None and head.number <= kept[0].number else None

    def put(self, head: SignedHead, answer: SignedHead) -> None:
        """Remember both."""
        with self._lock:
            self._tasks.setdefault(head.task, {})[head.log] = (head, answer)
            self._tasks.move_to_end(head.task)
            if len(self._tasks) > limits.MAX_AUDITED_TASKS:
                self._tasks.popitem(last=False)

    def others(self, head: SignedHead) -> tuple[SignedHead, ...]:
        """Those of the other logs for the same task."""
        with self._lock:
            known = self._tasks.get(head.task, {})
            return tuple(other for log, (other, _) in known.items() if log != head.log)
