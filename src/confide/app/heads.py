"""Heads of audit logs, exchanged with the host: what makes a later change provable."""

from confide.audit.entry import Event, Moment, Operation
from confide.audit.heads import HeadKeeper
from confide.core import limits
from confide.core.errors import AuditInvalid, TransportError
from confide.crypto.identity import IdentityRole, identity_uri
from confide.transport.host_client import HostClient


def exchange_heads(keeper: HeadKeeper, host: HostClient, task: str) -> None:
    """Give the host a head of our log, and keep its own and the other participants'.

    Raises:
        TransportError: the host can't be reached, or refuses.
        AuditInvalid: what it answers is no head of a platform and of others.
        AuditUnavailable: our own log can't be written.
    """
    heads = host.exchange_heads(keeper.make(task))
    platform = identity_uri("", IdentityRole.PLATFORM)
    if not heads or not heads[0].log.startswith(platform):
        raise AuditInvalid("the host did not answer with a head of its own", blame="platform")
    for head in heads[: limits.MAX_PARTICIPANTS + 1]:
        keeper.check(head, task=task)
        keeper.write(head)


def try_to_exchange_heads(keeper: HeadKeeper, host: HostClient, task: str) -> None:
    """As `exchange_heads`, at a task's end: what went wrong is an entry, and no error.

    Raises AuditUnavailable.
    """
    try:
        exchange_heads(keeper, host, task)
    except (TransportError, AuditInvalid) as error:
        us = keeper.log.actor
        keeper.log.append(
            Event(actor=us, operation=Operation.HEAD, moment=Moment.AFTER, outcome=error.code, task=task)
        )
