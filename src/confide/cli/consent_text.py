"""What a task will measure, search and probe, in words: a provider consents to it."""

from confide.core.features import Cross
from confide.core.platform_api import TaskKind
from confide.protocol.evaluation import Evaluation, Gate, Range, Tuning
from confide.protocol.statistics import Figure, Statistics
from confide.protocol.terms import Task, crosses_of


def measured(task: Task) -> list[str]:
    """One line each; nothing for what the task does not ask for."""
    lines = [_cross(cross) for cross in crosses_of(task)]
    if isinstance(task.evaluation, Evaluation):
        lines += _evaluation(task.evaluation)
    if isinstance(task.tuning, Tuning):
        lines.append(_tuning(task.tuning))
    if isinstance(task.gate, Gate):
        lines.append(_gate(task.gate))
    if isinstance(task.statistics, Statistics):
        lines += _statistics(task.statistics, task)
    return lines


def _evaluation(asked: Evaluation) -> list[str]:
    lines = []
    if asked.time is not None:
        lines.append(f"held out:    the newest rows by {asked.time.owner}.{asked.time.name}")
    if asked.folds is not None:
        column, held = asked.folds.column, ", ".join(asked.folds.held)
        lines.append(f"held out:    rows with {column.owner}.{column.name} among: {held}")
    if asked.groups is not None:
        column, values = asked.groups.column, ", ".join(asked.groups.values)
        lines.append(
            f"told apart:  exact row counts, label means and AUC by {column.owner}.{column.name} ({values}), "
            f"groups of {asked.groups.minimum_rows} rows or more"
        )
    if asked.resamples:
        lines.append(
            "lift report: what your columns are worth is measured, alone and together with the others'"
        )
    if asked.importance:
        lines.append("importance:  of each column, yours too, by permuting it")
    return lines


def _statistics(asked: Statistics, task: Task) -> list[str]:
    """Of whose columns what is told, and to whom."""
    from confide.data.statistics.figures import ENOUGH

    hidden, least = f"{asked.minimum_rows:,}", f"{ENOUGH * asked.minimum_rows:,}"
    lines = [
        f"statistics:  to {task.initiator}; a row hides among {hidden}, of less than {least} nothing is told"
    ]
    for party in task.participants:
        lines += [f"  {party}.{name}: {', '.join(figures)}" for name, figures in asked.of(party).items()]
    if task.kind is TaskKind.TRAIN and any(
        Figure.DRIFT in figures for party in task.participants for figures in asked.of(party).values()
    ):
        lines.append(
            "  for drift, the model holds shares of rows with ranges of numbers or frequent categories"
        )
    return lines


def _cross(cross: Cross) -> str:
    return f"crossed:     {' × '.join(f'{owner}.{name}' for owner, name in cross.of)} as '{cross.name}'"


def _tuning(tuning: Tuning) -> str:
    spaces = [f"{name} of {len(choices.values)} values" for name, choices in sorted(tuning.choices.items())]
    spaces += [f"{name} {_range(space)}" for name, space in sorted(tuning.ranges.items())]
    budget = f"at most {tuning.trials} trials in {tuning.minutes:g} minutes"
    return f"tuning:      {tuning.method}, {budget}: {', '.join(spaces)}"


def _range(space: Range) -> str:
    return f"{space.low:g}…{space.high:g}"


def _gate(gate: Gate) -> str:
    return (
        f"gate:        the model leaves only with a membership advantage up to {gate.membership_advantage:g} "
        f"and no column that predicts the label with an AUC above {gate.leakage_auc:g}"
    )
