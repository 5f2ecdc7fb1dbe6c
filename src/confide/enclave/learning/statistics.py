"""Statistics of single columns, as the task releases them: blurred, over all joined rows of the round."""

from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from confide.core.digest import digest_of
from confide.core.features import Feature, Kind
from confide.data.columns import Values
from confide.data.encoding import FeatureEncoder
from confide.data.statistics import figures
from confide.data.statistics.blurring import Blur, key_of
from confide.data.statistics.drift import Reference
from confide.enclave.rows.opened import Opened
from confide.enclave.storage.vault import Shelf
from confide.enclave.work import Step
from confide.protocol.statistics import Figure, Statistics
from confide.protocol.terms import Task

Labels = npt.NDArray[np.float32]
Drift = Callable[[Values, tuple[str, str], Blur], dict[str, Any] | None]
"""(a column's values, its party and name, its blur): what is told."""


class Teller:
    """Reads one column at a time, and keeps none."""

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

        def drift(values: Values, at: tuple[str, str], blur: Blur) -> dict[str, Any] | None:
            found = Reference.of(values, encoder.mapping(*at), blur)
            self.references += [] if found is None else [found]
            return None if found is None else {"bins": len(found.shares)}

        return (yield from self._tell(labels, drift))

    def of_prediction(
        self, references: Mapping[tuple[str, str], Reference], encoder: FeatureEncoder
    ) -> Generator[Step, None, dict[str, Any]]:
        """What is told; drift of columns of which the training had rows enough for a reference.

        Raises DatasetCorrupt, with `blame`.
        """

        def drift(values: Values, at: tuple[str, str], blur: Blur) -> dict[str, Any] | None:
            known = references.get(at)
            return None if known is None else known.compare(values, encoder.mapping(*at), blur)

        return (yield from self._tell(None, drift))

    def _tell(self, labels: Labels | None, drift: Drift) -> Generator[Step, None, dict[str, Any]]:
        told = []
        columns = self._opened.columns([(party, feature) for party, feature, _ in self._fields])
        for party, feature, asked in self._fields:
            blur = Blur(self._key, self._asked.minimum_rows, party, feature.name)
            values = columns[party, feature.name]
            found = _told(feature, values, asked, blur)
            if labels is not None and Figure.LABEL_CORRELATION in asked:
                found[Figure.LABEL_CORRELATION] = figures.label_correlation(values, labels, blur)
            if Figure.DRIFT in asked:
                found[Figure.DRIFT] = drift(values, (party, feature.name), blur)
            told.append(
                {
                    "party": party,
                    "column": feature.name,
                    "kind": str(feature.kind),
                    "figures": {str(name): found[name] for name in asked},
                }
            )
            yield Step(stage="statistics", done=len(told), total=len(self._fields))
        return {
            "minimum_rows": self._asked.minimum_rows,
            "rows": self._opened.alignment.size,
            "columns": told,
        }


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
