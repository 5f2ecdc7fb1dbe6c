"""The predictions file: CSV of id and probability, the same from an enclave and from a plain prediction."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

PROBABILITY = "probability"


def predictions_csv(id_name: str, ids: Any, scores: npt.NDArray[np.float32]) -> bytes:
    """`ids`: pyarrow ChunkedArray of strings or integers, one per score, in the order to be written."""
    sink = io.BytesIO()
    pyarrow.csv.write_csv(pa.table({id_name: ids, PROBABILITY: pa.array(scores)}), sink)
    return sink.getvalue()
