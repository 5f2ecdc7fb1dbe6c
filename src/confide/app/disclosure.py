"""Who learns what from a private set intersection, in words that a person reads before consenting."""

from typing import Final

from confide.protocol.terms import Intersection, Task

_PROTOCOLS: Final = {
    "rr22": "RR22, fast",
    "kkrt": "KKRT",
    "ecdh": "ECDH on Curve25519, least traffic, slowest",
}


def learned(task: Task) -> tuple[str, ...]:
    """Lines; empty for a task without an intersection."""
    terms = task.alignment
    if not isinstance(terms, Intersection):
        return ()
    initiator, provider = task.initiator, task.providers[0]
    who = (
        f"{initiator} and {provider} each learn which of their ids the other has, too"
        if terms.ordered
        else f"{initiator} learns which of its ids {provider} has, too; {provider} learns none, uploads all"
    )
    return (
        "ids are intersected between the parties before anything is uploaded:",
        f"  {who}",
        "  each learns about how many ids the other brings",
        f"  with fewer than {terms.minimum_size:,} ids in common the task ends",
        f"  ids are compared by the rule {terms.ids}; protocol {_PROTOCOLS[terms.protocol]}",
        "  protected against a party that keeps to the protocol but is curious (semi-honest),",
        "  not against one that brings ids that it does not have",
    )
