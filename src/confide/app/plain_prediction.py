"""Scoring with a model file at its owner: no platform, no enclave, NumPy alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.app.models import OpenedModel
from confide.core.errors import DatasetCorrupt, SchemaMismatch
from confide.core.features import Feature, Kind
from confide.data.alignment.join import join
from confide.data.columns import Columns, Values
from confide.data.dataset import PreparedDataset
from confide.data.predictions import encode_predictions


@dataclass(frozen=True, slots=True, eq=False)
class PlainPredictions:
    """Ids and probabilities, in the first dataset's row order."""

    id_name: str
    ids: Any
    """pyarrow.ChunkedArray of strings or integers."""
    scores: npt.NDArray[np.float32]
    absent: tuple[tuple[str, str], ...]
    """(party, column) of the model that no dataset held: these were scored as missing values."""

    def write(self, path: Path) -> None:
        """CSV, or Parquet by the suffix .parquet. Raises DatasetCorrupt if the file can't be written."""
        parquet = path.suffix == ".parquet"
        try:
            path.write_bytes(encode_predictions(self.id_name, self.ids, self.scores, parquet=parquet))
        except OSError as cause:
            raise DatasetCorrupt(f"{path}: {cause.strerror}") from None


def predict(model: OpenedModel, datasets: list[PreparedDataset]) -> PlainPredictions:
    """Score the rows whose ids are in all datasets; columns are found by name, whoever brings them.

    Raises:
        SchemaMismatch: no dataset holds any column of the model, or one is of another kind.
        AlignmentFailed: several datasets have no id in common.
        ModelFileInvalid: the model can't be opened.
    """
    tables = [dataset.table() for dataset in datasets]
    id_names = [dataset.manifest.id.name for dataset in datasets]
    rows = _aligned(tables, id_names)
    columns, absent = _columns(model, tables, rows)
    if len(absent) == len(columns):
        raise SchemaMismatch("the data holds none of the model's columns")
    scores = model.model.predict(columns)
    ids = tables[0].column(id_names[0]).take(rows[0])
    return PlainPredictions(id_names[0], ids, scores, absent)


def _aligned(tables: list[pa.Table], id_names: list[str]) -> list[npt.NDArray[np.int64]]:
    if len(tables) == 1:
        return [np.arange(len(tables[0]), dtype=np.int64)]
    named = {str(number): table for number, table in enumerate(tables)}
    alignment = join(named, {str(number): name for number, name in enumerate(id_names)})
    return [alignment.rows[str(number)] for number in range(len(tables))]


def _columns(
    model: OpenedModel, tables: list[pa.Table], rows: list[npt.NDArray[np.int64]]
) -> tuple[Columns, tuple[tuple[str, str], ...]]:
    columns: dict[tuple[str, str], Values] = {}
    absent: list[tuple[str, str]] = []
    for party, features in model.agreement.block.task.features.items():
        for feature in features:
            found = _find(feature, tables, rows)
            if found is None:
                absent.append((party, feature.name))
                found = _missing(feature, len(rows[0]))
            columns[party, feature.name] = found
    return columns, tuple(absent)


def _find(feature: Feature, tables: list[pa.Table], rows: list[npt.NDArray[np.int64]]) -> Values | None:
    for table, chosen in zip(tables, rows, strict=True):
        if feature.name in table.column_names:
            return np.ascontiguousarray(table.column(feature.name).to_numpy()[chosen])
    return None


def _missing(feature: Feature, count: int) -> Values:
    """What a prepared dataset holds for a missing value (data/blocks.py)."""
    if feature.kind is Kind.CATEGORICAL:
        return np.zeros(count, np.uint64)
    return np.full(count, np.nan, np.float64)
