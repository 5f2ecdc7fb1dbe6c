"""Who learns what from a private set intersection, in words that a person reads before consenting."""

from typing import Final

from confide.protocol.runs import staged
from confide.protocol.terms import Intersection, Task

_PROTOCOLS: Final = {
    "rr22": "RR22, fast",
    "kkrt": "KKRT",
    "ecdh": "ECDH on Curve25519, least traffic, slowest",
    "unbalanced": "OPRF on FourQ, for few ids against many",
}


def learned(task: Task) -> tuple[str, ...]:
    """Lines; empty for a task without an intersection."""
    terms = task.alignment
    if not isinstance(terms, Intersection):
        return ()
    return (
        "ids are intersected between the parties before anything is uploaded:",
        *_members(task, terms),
        *_sizes(task, terms),
        f"  with fewer than {terms.minimum_size:,} ids in common the task ends",
        f"  ids are compared by the rule {terms.ids}; protocol {_PROTOCOLS[terms.protocol]}",
        "  protected against a party that keeps to the protocol but is curious (semi-honest),",
        "  not against one that brings ids that it does not have",
    )


def _members(task: Task, terms: Intersection) -> tuple[str, ...]:
    initiator, first, *others = task.participants
    if others:
        names = ", ".join(task.providers)
        last = f"  {names} each learn which of their ids all the others have" if terms.ordered else ""
        return (
            f"  {initiator} learns which of its ids {first} has; then, of these, which {others[0]} has"
            + (", and so on" if len(others) > 1 else ""),
            last or f"  {names} learn none, and upload all",
        )
    if not terms.ordered:
        one = f"{initiator} learns which of its ids {first} has, too; {first} learns none, uploads all"
        return (f"  {one}",)
    both = f"  {initiator} and {first} each learn which of their ids the other has, too"
    if staged(task):
        return (both, f"  {initiator} first, and {first} only where there are enough of them")
    return (both,)


def _sizes(task: Task, terms: Intersection) -> tuple[str, ...]:
    lines = ["  each learns about how many ids the other brings"]
    if len(task.providers) > 1:
        lines = [
            f"  each provider learns about how many ids {task.initiator} brings to it: of those that the",
            f"  providers before it have, too; {task.initiator} how many each provider brings",
        ]
    if terms.protocol == "unbalanced":
        lines += [
            f"  {task.initiator} keeps the providers' ids, evaluated under keys that it does not know, for",
            "  its next tasks: it can test ids against them only together with the provider",
        ]
    return tuple(lines)
