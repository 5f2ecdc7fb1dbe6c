"""Whether probabilities are as often right as they say."""

import numpy as np

from confide.algorithms.base import Floats


def reliability(labels: Floats, probabilities: Floats, bins: int) -> dict[str, object]:
    """The reliability curve over bins of equally many rows, by prediction; and how far it is off.

    A stable sort, so equal predictions stay in the order of the rows. `expected_error` is the mean over all
    rows of |mean prediction − share of label 1| of their bin (expected calibration error).
    """
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    told = [_bin(labels[part], probabilities[part]) for part in parts]
    gaps = (part["rows"] * abs(part["mean_prediction"] - part["mean_label"]) for part in told)
    return {"expected_error": sum(gaps) / max(1, len(labels)), "bins": told}


def _bin(labels: Floats, probabilities: Floats) -> dict[str, float]:
    return {
        "rows": len(labels),
        "mean_prediction": float(probabilities.mean(dtype=np.float64)),
        "mean_label": float(labels.mean(dtype=np.float64)),
    }


def corrected(logit_shift: float, probabilities: Floats) -> Floats:
    """Probabilities with the logit moved: of a model that learned from a part of the rows with label 0.

    With the share w of them kept, the odds are w times what the model says: the shift is log(w).
    """
    chance = probabilities.astype(np.float64)
    factor = np.exp(logit_shift)
    return np.asarray(chance * factor / (chance * factor + 1 - chance), dtype=probabilities.dtype)
