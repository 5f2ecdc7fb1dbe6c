"""Heads of audit logs, given and taken: the host keeps each party's in its own log."""

from collections.abc import Callable
from dataclasses import dataclass, field

from confide.audit.heads import HeadKeeper, LatestHeads
from confide.core.errors import AccessDenied, AuditInvalid, RemoteProtocolError
from confide.core.platform_api import Caller, SignedHead
from confide.crypto.identity import IdentityRole, identity_uri


@dataclass(frozen=True, slots=True)
class HeadDesk:
    """What `ExchangeHeads` does, once it is known that the caller takes part in the task."""

    keeper: HeadKeeper
    rate: Callable[[bytes], None]
    """Counts a head that is to be kept, for its log and task, or raises TooManyCalls."""
    latest: LatestHeads = field(default_factory=LatestHeads)

    def exchange(self, caller: Caller, head: SignedHead) -> tuple[SignedHead, ...]:
        """Keep the caller's head; return our own, which covers it, and the task's other participants'.

        One that is no newer than what we keep of this log for this task is answered as that was: nothing is
        written.

        Raises:
            AccessDenied: the head is another's.
            RemoteProtocolError: it is not signed by the caller.
            TooManyCalls: the caller has given too many for this task.
            AuditUnavailable, AuditInvalid: our own log can't be written.
        """
        if head.log != identity_uri(caller.name, IdentityRole(caller.role.value)):
            raise AccessDenied("a head is given by the owner of its log")
        try:
            self.keeper.check(head, task=head.task)
        except AuditInvalid as forged:
            raise RemoteProtocolError(forged.message) from None
        answer = self.latest.answer_to(head)
        if answer is None:
            self.rate(f"{head.task} {head.log}".encode())
            self.keeper.write(head)
            answer = self.keeper.make(head.task)
            self.latest.put(head, answer)
        return (answer, *self.latest.others(head))
