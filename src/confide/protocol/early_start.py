"""Whether a training begins with the first blocks of all parties, or has to wait for the last ones."""

from confide.core.features import Transform
from confide.core.platform_api import TaskKind
from confide.protocol.terms import Task, crosses_of, evaluation_of, ordered


def waits_because(task: Task, *, in_turn: bool) -> str | None:
    """Why a training of this task waits until all data has come; None: it does not.

    It follows from what is agreed alone, so that everybody knows it before consenting, and so does the order
    in which rows are learned. `in_turn`: whether the algorithm can learn from rows that come block by block.
    """
    asked, features = evaluation_of(task), [f for party in task.participants for f in task.features[party]]
    reasons = (
        (task.kind is not TaskKind.TRAIN, "it is no training"),
        (ordered(task) is None, "rows do not come in an agreed order"),
        (not in_turn, "the algorithm needs all rows at once"),
        (task.encoding.vocabulary == "exact", "an exact vocabulary is made of all training rows"),
        (
            any(feature.transform in (Transform.STANDARD, Transform.QUANTILES) for feature in features),
            "a transform looks at all training rows ('standard', 'quantiles')",
        ),
        (bool(crosses_of(task)), "a cross is made of whole columns of several parties"),
        (bool(task.statistics), "statistics are made of whole columns"),
        (asked.time is not None or asked.folds is not None, "a column says which rows are held out"),
        (asked.keep_negatives < 1, "rows are left out by their label"),
        (asked.positive_weight > 1, "rows are weighted by their label"),
        (bool(task.tuning), "parameters are searched for on all training rows"),
    )
    return next((reason for holds, reason in reasons if holds), None)
