"""What the providers' columns are worth: the joint model against each side alone, on the same rows."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from confide.algorithms.evaluation.bootstrap import interval

CONFIDENCE: Final = 0.95
FIGURES: Final = ("auc", "logloss")
PAIRS: Final = (("joint", "initiator"), ("joint", "providers"))
"""Which is compared with which: first minus second."""


def lift_report(resamples: Sequence[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """From what bootstrap.resampled gives: figures of each model and of the differences, with intervals."""
    models = {
        name: {figure: _of([found[name][figure] for found in resamples]) for figure in FIGURES}
        for name in resamples[0]
    }
    differences = [
        {"first": first, "second": second}
        | {
            figure: _of([found[first][figure] - found[second][figure] for found in resamples])
            for figure in FIGURES
        }
        for first, second in PAIRS
    ]
    return {
        "confidence": CONFIDENCE,
        "resamples": len(resamples) - 1,
        "models": models,
        "differences": differences,
    }


def _of(values: list[float]) -> dict[str, float | None]:
    return interval(values[0], np.array(values[1:]), CONFIDENCE)
