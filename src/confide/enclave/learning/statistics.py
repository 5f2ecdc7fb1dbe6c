"""Statistics of single columns, as the task releases them: blurred, over all joined rows of the round.

Several columns at a time, each by one thread: what a column tells depends on nothing but itself.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import Any

import numpy as np
import numpy.typing as npt

from confide.core.digest import digest_of
from confide.core.features import Feature, Kind
from confide.data.columns import Values
from confide.data.encoding import FeatureEncoder
from confide.data.ordered_pool import map_in_order
from confide.data.statistics import figures
from confide.data.statistics.blurring import Blur, key_of
from confide.data.statistics.drift import Reference
from confide.enclave.rows.opened import Opened
from confide.enclave.storage.vault import Shelf
from confide.enclave.work import Step
from confide.protocol.statistics import Figure, Statistics
from confide.protocol.terms import Task

_Field = tuple[str, Feature, tuple[Figure, ...]]
Labels = npt.NDArray[np.float32]
Drift = Callable[[Values, tuple[str, str], Blur], tuple[dict[str, Any] | None, Reference | None]]
"""(a column's values, its party and name, its blur): what is told, and what goes into the model."""


class Teller:
    """Reads a column per thread at a time, and keeps none."""

    def __init__(self, task: Task, asked: Statistics, opened: Opened, shelves: Mapping[str, Shelf]) -> None:
        self._asked, self._opened = asked, opened
        self._key = key_of([shelves[party].salt for party in task.participants], digest_of(task))
        self._fields = [
            (party, feature, asked.of(party)[feature.name])
            for party in task.participants
            for feature in task.features[party]
            if feature.name in asked.of(party)
        ]
        self.references: list[Reference] = []
        """Of a training: what goes into the model."""

    def of_training(self, labels: Labels, encoder: FeatureEncoder) -> Generator[Step, None, dict[str, Any]]:
        """What is told, `labels` being those of all joined rows. Raises DatasetCorrupt, with `blame`."""

        def drift(
            values: Values, at: tuple[str, str], blur: Blur
        ) -> tuple[dict[str, Any] | None, Reference | None]:
            found = Reference.of(values, encoder.mapping(*at), blur)
            return None if found is None else {"bins": len(found.shares)}, found

        return (yield from self._tell(labels, drift))

    def of_prediction(
        self, references: Mapping[tuple[str, str], Reference], encoder: FeatureEncoder
    ) -> Generator[Step, None, dict[str, Any]]:
        """What is told; drift of columns of which the training had rows enough for a reference.

        Raises DatasetCorrupt, with `blame`.
        """

        def drift(values: Values, at: tuple[str, str], blur: Blur) -> tuple[dict[str, Any] | None, None]:
            known = references.get(at)
            return None if known is None else known.compare(values, encoder.mapping(*at), blur), None

        return (yield from self._tell(None, drift))

    def _tell(self, labels: Labels | None, drift: Drift) -> Generator[Step, None, dict[str, Any]]:
        columns = self._opened.columns([(party, feature) for party, feature, _ in self._fields])

        def work(field: _Field) -> tuple[dict[str, Any], Reference | None]:
            party, feature, asked = field
            blur = Blur(self._key, self._asked.minimum_rows, party, feature.name)
            values = columns[party, feature.name]
            found, reference = _told(feature, values, asked, blur), None
            if labels is not None and Figure.LABEL_CORRELATION in asked:
                found[Figure.LABEL_CORRELATION] = figures.label_correlation(values, labels, blur)
            if Figure.DRIFT in asked:
                found[Figure.DRIFT], reference = drift(values, (party, feature.name), blur)
            return _entry(party, feature, {str(name): found[name] for name in asked}), reference

        told = []
        with closing(map_in_order(work, self._fields)) as entries:
            for entry, reference in entries:
                told.append(entry)
                self.references += [] if reference is None else [reference]
                yield Step(stage="statistics", done=len(told), total=len(self._fields))
        return {
            "minimum_rows": self._asked.minimum_rows,
            "rows": self._opened.alignment.size,
            "columns": told,
        }


def _entry(party: str, feature: Feature, found: dict[str, Any]) -> dict[str, Any]:
    return {"party": party, "column": feature.name, "kind": str(feature.kind), "figures": found}


def _told(feature: Feature, values: Values, asked: tuple[Figure, ...], blur: Blur) -> dict[Figure, Any]:
    """What one column tells by itself; null for what too few rows would tell."""
    found: dict[Figure, Any] = {}
    if Figure.MISSING in asked:
        found[Figure.MISSING] = figures.missing(values, blur)
    if feature.kind is Kind.CATEGORICAL:
        if Figure.CARDINALITY in asked:
            found[Figure.CARDINALITY] = figures.cardinality(values, blur)
        return found
    if Figure.MEAN in asked or Figure.QUANTILES in asked:
        present = figures.ordered(values)
        found[Figure.MEAN] = figures.mean(present, blur)
        found[Figure.QUANTILES] = figures.quantiles(present, blur)
    return found
