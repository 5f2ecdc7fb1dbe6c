"""The predictions file: id and probability, the same from an enclave and from a plain prediction."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

PROBABILITY = "probability"


def encode_predictions(
    id_name: str, ids: Any, scores: npt.NDArray[np.float32], *, parquet: bool = False
) -> bytes:
    """`ids`: pyarrow ChunkedArray of strings or integers, one per score, in the order to be written."""
    return encode_columns(id_name, ids, {PROBABILITY: scores}, parquet=parquet)


def encode_columns(
    id_name: str, ids: Any, columns: Mapping[str, npt.NDArray[np.float32]], *, parquet: bool = False
) -> bytes:
    """As `encode_predictions`, with several numbers in each row."""
    sink = io.BytesIO()
    table = pa.table({id_name: ids} | {name: pa.array(values) for name, values in columns.items()})
    if parquet:
        pyarrow.parquet.write_table(table, sink)
    else:
        pyarrow.csv.write_csv(table, sink)
    return sink.getvalue()
