"""When a training begins, in words that a person reads before consenting."""

from confide.algorithms import registry
from confide.core.errors import AlgorithmNotListed
from confide.protocol.early_start import waits_because
from confide.protocol.terms import Task, ordered


def starts(task: Task, algorithm: str) -> tuple[str, ...]:
    """Lines; empty where nobody could expect anything else: rows in no agreed order, and predictions."""
    if ordered(task) is None or task.split is None:
        return ()
    try:
        reason = waits_because(task, in_turn=registry.learns_in_turn(algorithm))
    except AlgorithmNotListed:
        return ()
    if reason is not None:
        return (f"training begins when all data has come: {reason}",)
    return (
        "training begins with the first blocks, while others are on their way:",
        "  all, and the platform, are told meanwhile how many blocks have come from everybody",
        "  what was learned is thrown away if a later block is not as agreed",
    )
