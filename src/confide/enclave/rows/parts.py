"""Which joined rows train, decide and are held out, as the task says; and to which group each belongs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.algorithms.evaluation.measures import Grouped
from confide.core.errors import WorkFailed
from confide.core.features import Kind
from confide.data import split
from confide.data.category_hash import hash_texts
from confide.data.columns import take_column
from confide.data.split import IntArray
from confide.enclave.rows.blaming import blaming
from confide.enclave.rows.encoded_rows import Labels
from confide.enclave.rows.opened import Opened
from confide.protocol.evaluation import Evaluation, OwnedColumn
from confide.protocol.terms import Task, evaluation_of

_PAST_THE_MISSING = 1


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Joined rows, by their places."""

    training: IntArray
    """In random order, or in that of time."""
    validation: IntArray
    held: IntArray
    """Ascending."""


def choose_parts(task: Task, opened: Opened, labels: Labels) -> Parts:
    """Raises WorkFailed when a part would be empty."""
    if task.split is None:
        raise WorkFailed("a training task says which rows are held out")
    asked, seed = evaluation_of(task), task.split.seed
    try:
        rest, held = _hold_out(asked, opened, task.split.holdout, seed)
        training, validation = rest, rest[:0]
        if asked.validation:
            training, validation = split.aside(rest, asked.validation)
    except ValueError as cause:
        raise WorkFailed(str(cause)) from None
    if asked.time is not None:
        training = split.shuffled(training, seed)
    if asked.keep_negatives < 1:
        training = split.thinned(training, labels, asked.keep_negatives, seed)
        validation = split.thinned(validation, labels, asked.keep_negatives, seed + 1)
    if not len(training) or (asked.validation and not len(validation)):
        raise WorkFailed("nothing is left to train on after rows with label 0 have been left out")
    return Parts(training, validation, held)


def _hold_out(asked: Evaluation, opened: Opened, share: float, seed: int) -> tuple[IntArray, IntArray]:
    if asked.time is not None:
        return split.newest(_values(opened, asked.time), share)
    if asked.folds is not None:
        codes = _codes(asked.folds.held, asked.folds.column.kind)
        return split.marked(np.isin(_values(opened, asked.folds.column), codes), seed)
    return split.holdout(opened.alignment.size, share, seed, mixed=True)


def groups_of(asked: Evaluation, opened: Opened, rows: IntArray) -> Grouped | None:
    """Of these joined rows."""
    if asked.groups is None:
        return None
    values = _values(opened, asked.groups.column)[rows]
    of_row = np.full(len(rows), -1, np.int16)
    for number, code in enumerate(_codes(asked.groups.values, asked.groups.column.kind)):
        of_row[values == code] = number
    return Grouped(asked.groups.values, of_row, asked.groups.minimum_rows)


def _values(opened: Opened, column: OwnedColumn) -> npt.NDArray[Any]:
    with blaming(column.owner):
        return take_column(opened.sources[column.owner], column.name, opened.alignment.rows[column.owner])


def _codes(texts: tuple[str, ...], kind: Kind) -> npt.NDArray[Any]:
    """As a prepared dataset holds them (data/prepare/cells.py)."""
    if kind is Kind.NUMERIC:
        return np.array([float(text) for text in texts])
    return np.maximum(hash_texts(pa.array(texts, pa.string())), np.uint64(_PAST_THE_MISSING))
