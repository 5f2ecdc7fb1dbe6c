"""Who may call what: one table that lists every RPC of the host, held against the .proto file by a test."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from confide.core.errors import AccessDenied
from confide.core.platform_api import Caller, Role, TaskStatus


class Who(StrEnum):
    """Each includes that TLS has proven a certificate of the common CA."""

    ANYONE = "any identity of the CA"
    PARTY = "any party"
    INITIATOR = "the task's initiator"
    PARTICIPANT = "the task's participants"


POLICY: Final[Mapping[str, Who]] = {
    "Handshake": Who.ANYONE,
    "CreateTask": Who.PARTY,  # and only in its own name: check_initiator
    "ListTasks": Who.PARTY,  # and only what it takes part in: the query itself
    "GetTask": Who.PARTICIPANT,
    "CancelTask": Who.INITIATOR,
    "EndRecord": Who.PARTICIPANT,
    "ExchangeHeads": Who.PARTICIPANT,  # and only its own head: heads.HeadDesk
    "Relay": Who.PARTICIPANT,  # and only to another participant: relay.Relay
}


def check(method: str, caller: Caller, status: TaskStatus | None = None) -> None:
    """That `caller` may call `method`, about the task of `status` where the table asks for one.

    Raises:
        AccessDenied: it may not, or the table does not know the method.
    """
    who = POLICY.get(method)
    if who is Who.ANYONE:
        return
    if caller.role is Role.PARTY and who is not None and _fits(who, caller.name, status):
        return
    raise AccessDenied(f"{method}: only {who or 'nobody'}")


def check_initiator(caller: Caller, initiator: str) -> None:
    """That nobody creates a task in another's name. Raises AccessDenied."""
    if caller.name != initiator:
        raise AccessDenied("a task is created by its initiator")


def _fits(who: Who, name: str, status: TaskStatus | None) -> bool:
    match who:
        case Who.PARTY:
            return True
        case Who.INITIATOR:
            return status is not None and name == status.initiator
        case Who.PARTICIPANT:
            return status is not None and name in status.participants
        case _:
            return False
