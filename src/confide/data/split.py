"""Which rows train and which are held out."""

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def holdout(rows: int, fraction: float, seed: int, *, mixed: bool = False) -> tuple[IntArray, IntArray]:
    """Split range(rows) into (training, held-out) row indices, each sorted, each of at least one row.

    `mixed` leaves the same training rows in the order of the permutation: cut into parts, each is a sample.
    The held-out share is `fraction` of the rows, rounded; the choice is a permutation by PCG64 from `seed`
    and so the same on every machine. Raises ValueError for fewer than two rows or a fraction outside (0, 1).
    """
    if rows < 2:  # noqa: PLR2004 - one for each side
        raise ValueError("a split needs at least two rows")
    if not 0 < fraction < 1:
        raise ValueError("the held-out fraction lies strictly between 0 and 1")
    held = min(max(round(rows * fraction), 1), rows - 1)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(rows).astype(np.int64)
    training = order[held:]
    return training if mixed else np.sort(training), np.sort(order[:held])
