"""Ids as the agreed rule writes them, so that the same person has the same id at every party."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core import limits
from confide.data.alignment.join import first_occurrences
from confide.data.arrow import ChunkedArray
from confide.data.arrow import compute as pc

Rows = npt.NDArray[np.int64]


def by_rule(ids: ChunkedArray, rule: str) -> ChunkedArray:
    """`ids` written by a rule of `protocol.terms.IdRule`. Raises ValueError for one that there is not."""
    if rule == "exact/1" or (rule == "text/1" and pa.types.is_integer(ids.type)):
        return ids
    if rule != "text/1":
        raise ValueError(f"no such rule for ids: {rule}")
    # Lower case can undo the form, and the form can bring white space: hence this order.
    lower = pc.utf8_lower(pc.utf8_normalize(ids, form="NFKC"))
    return pc.utf8_trim_whitespace(pc.utf8_normalize(lower, form="NFKC"))  # type: ignore[no-any-return]


def usable(ids: ChunkedArray) -> Rows:
    """Rows whose id is an id, and not one that a row before them has: only these can be matched."""
    first = first_occurrences(ids)
    if pa.types.is_string(ids.type):
        lengths = pc.binary_length(ids).to_numpy()
        first &= (lengths > 0) & (lengths <= limits.MAX_ID_BYTES)
    return np.flatnonzero(first)
