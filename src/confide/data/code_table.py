"""Where codes stand in an ascending list of known ones: a binary search that starts next to its end.

Codes are hashes, so their upper bits spread evenly: a table of these bits tells where to begin, and few
steps remain. Codes that do not spread (chosen so by somebody) are searched for in the plain way: they can
make it slower, never wrong.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int32]
_MOST_STEPS: Final = 24
_MAX_BITS: Final = 24


class CodeTable:
    """An index over strictly ascending codes."""

    def __init__(self, known: Codes) -> None:
        self._known = known
        bits = min(max(known.size, 1).bit_length() + 1, _MAX_BITS)
        self._shift = np.uint64(64 - bits)
        begins = np.searchsorted(known >> self._shift, np.arange((1 << bits) + 1, dtype=np.uint64))
        self._begins = begins.astype(np.int32)
        self._even = int(np.diff(begins).max()) <= _MOST_STEPS
        # One more, which no code is greater than: the search ends there.
        self._fenced = np.append(known, np.uint64((1 << 64) - 1))

    def find(self, codes: Codes) -> tuple[Places, npt.NDArray[np.bool_]]:
        """(place among the known codes, whether it is there); the place is arbitrary where it is not."""
        if not self._even:
            at = np.searchsorted(self._known, codes).astype(np.int32)
            return at, (at < self._known.size) & (self._fenced[at] == codes)
        at = self._begins[codes >> self._shift]
        found = self._fenced[at]
        behind = np.flatnonzero(found < codes)
        while behind.size:
            at[behind] += 1
            following = self._fenced[at[behind]]
            found[behind] = following
            behind = behind[following < codes[behind]]
        return at, (found == codes) & (at < self._known.size)
