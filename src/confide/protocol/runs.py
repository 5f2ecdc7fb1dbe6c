"""Which intersections a task takes, and in which order: they are of two parties each (spec/protocol.md)."""

from dataclasses import dataclass

from confide.core.digest import digest_of
from confide.protocol.terms import Intersection, Task


@dataclass(frozen=True, slots=True)
class Run:
    """One intersection, of the initiator's ids with one provider's."""

    number: int
    """From 0, in the task."""
    provider: str
    both_learn: bool
    """Whether the provider learns which of its ids are common, too; the initiator always does."""
    known: bool
    """Whether the initiator knows the outcome: it brings only ids that are common to all."""


def runs_of(task: Task) -> tuple[Run, ...]:
    """In order; the initiator brings to each only ids that have been common to all before it."""
    terms = task.alignment
    if not isinstance(terms, Intersection):
        return ()
    if not staged(task):
        return (_run(0, task, 0, both_learn=terms.ordered),)
    count = len(task.providers)
    found = [_run(n, task, n, both_learn=False) for n in range(count)]
    if terms.ordered:
        found += [_run(count + n, task, n, both_learn=True, known=True) for n in range(count)]
    return tuple(found)


def _run(number: int, task: Task, provider: int, *, both_learn: bool, known: bool = False) -> Run:
    return Run(number=number, provider=task.providers[provider], both_learn=both_learn, known=known)


def staged(task: Task) -> bool:
    """Whether the initiator learns first, and providers only once it knows that there are enough."""
    terms = task.alignment
    return isinstance(terms, Intersection) and (len(task.providers) > 1 or terms.minimum_first is True)


def purpose_of(task_id: str, task: Task, run: Run) -> str:
    """What the tunnel of this run is for: hexadecimal SHA-384, equal at both ends."""
    return digest_of({"task": task_id, "agreed": digest_of(task), "run": run.number})
