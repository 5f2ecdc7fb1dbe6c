"""Encoding few rows at a time, some fields of an encoder: what data that does not fit into memory needs."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from confide.data.columns import Values
from confide.data.filling import Filled, blank, check_kind, filler, slices
from confide.data.filling import Mapping as FieldMapping


class PartEncoder:
    """Of one party. Safe to use from several threads."""

    def __init__(
        self,
        party: str,
        names: Sequence[str],
        mappings: Sequence[FieldMapping],
        offsets: npt.NDArray[np.int32],
    ) -> None:
        """`offsets`: where each field begins in the index space."""
        self.party, self.names = party, tuple(names)
        self._mappings = tuple(mappings)
        self._fillers = [filler(mapping) for mapping in mappings]
        self._offsets = offsets

    def encode(self, columns: Mapping[str, Values], rows: int) -> Filled:
        """(rows, fields) indices of the index space, and values; `columns` by name.

        Raises SchemaMismatch for a column of another kind than its mapping.
        """
        for name, mapping in zip(self.names, self._mappings, strict=True):
            check_kind(self.party, name, mapping, columns[name])
        indices, values = blank(rows, len(self.names))
        for piece in slices(rows):
            for at, (name, fill) in enumerate(zip(self.names, self._fillers, strict=True)):
                fill(columns[name][piece], indices[piece, at], values[piece, at])
            indices[piece] += self._offsets
        return indices, values
