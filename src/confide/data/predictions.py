"""The predictions file: id and probability, the same from an enclave and from a plain prediction."""

import io
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
    sink = io.BytesIO()
    table = pa.table({id_name: ids, PROBABILITY: pa.array(scores)})
    if parquet:
        pyarrow.parquet.write_table(table, sink)
    else:
        pyarrow.csv.write_csv(table, sink)
    return sink.getvalue()
