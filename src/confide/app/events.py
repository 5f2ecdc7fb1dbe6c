"""What happens in a task, as facts for whoever watches: a terminal, a program, a file."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confide.core import limits
from confide.core.digest import digest_of
from confide.protocol import messages as m
from confide.protocol.messages import Message


@dataclass(frozen=True, slots=True)
class Event:
    """A name and plain JSON facts."""

    name: str
    facts: dict[str, Any]


Tell = Callable[[Event], None]


def of_message(message: Message) -> Event | None:
    """The event that a message from the enclave is; None if it is not worth showing."""
    match message:
        case m.Admission() | m.Offer() | m.Acceptance() | m.Agreed():
            return _of_negotiation(message)
        case m.Pass():
            return Event("uploading", {})
        case m.Wanted():
            again = message.attempts_left < limits.MAX_RETRIES
            blocks = sum(last - first + 1 for first, last in message.blocks)
            return Event("resending" if again else "wanted", {"blocks": blocks})
        case m.Received():
            return Event("received", {"rows": message.rows})
        case m.Progress():
            facts = {"stage": message.stage, "done": message.done, "total": message.total}
            return Event("progress", facts | {"metrics": dict(message.metrics)})
    return _of_ending(message)


def _of_negotiation(message: m.Admission | m.Offer | m.Acceptance | m.Agreed) -> Event:
    match message:
        case m.Admission():
            return Event("admitted", {"task_digest": message.task_digest})
        case m.Offer():
            facts = {"task": message.task.name, "kind": str(message.task.kind)}
            return Event("offered", facts | ({"model": message.model.sha384} if message.model else {}))
        case m.Acceptance():
            return Event("accepted", {"providers": sorted(message.consents)})
    block = message.signed.block
    facts = {"block": digest_of(block), "kind": str(block.task.kind)}
    return Event("agreed", facts | {"signers": [*sorted(message.signed.signatures), "enclave"]})


def _of_ending(message: Message) -> Event | None:
    match message:
        case m.Result():
            statement = message.statement
            facts = {"kind": statement.kind, "sha384": statement.sha384, "bytes": statement.bytes}
            return Event("result", facts)
        case m.Finished():
            return Event("finished", {"block": message.block_digest})
        case m.FinalReceipt():
            return Event("receipt-signed", {"signers": [*sorted(message.signatures), "enclave"]})
    return None
