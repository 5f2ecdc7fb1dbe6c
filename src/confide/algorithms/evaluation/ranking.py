"""What depends on the order of predictions alone: from one sort, by distinct prediction, never row by row.

Ties are never broken: rows with the same prediction are above a threshold together, and where a share of the
rows ends among them, each counts in part.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Floats

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Rows by prediction, highest first; entry i tells of all rows with a prediction ≥ scores[i]."""

    scores: Floats
    """(distinct,) strictly falling."""
    rows: Counts
    """(distinct,) how many rows."""
    positives: Counts
    """(distinct,) how many of them have label 1."""

    @classmethod
    def of(cls, labels: Floats, scores: Floats) -> Self:
        """(n,) labels 0 or 1, (n,) predictions; at least one row."""
        order = np.argsort(scores, kind="stable")[::-1]
        falling = scores[order]
        last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
        positives = np.cumsum(labels[order] > 0.5)  # noqa: PLR2004 - labels are 0 or 1
        return cls(falling[last], last.astype(np.int64) + 1, positives[last].astype(np.int64))

    @property
    def size(self) -> int:
        """Rows in all."""
        return int(self.rows[-1])

    @property
    def hits(self) -> int:
        """Rows with label 1 in all."""
        return int(self.positives[-1])

    @property
    def one_class(self) -> bool:
        """Whether all labels are alike: nothing can be told apart then."""
        return self.hits in (0, self.size)

    def rates(self) -> tuple[Floats, Floats]:
        """(distinct + 1,) false and true positive rates, from (0, 0) to (1, 1). Not for one class."""
        false = (self.rows - self.positives) / (self.size - self.hits)
        true = self.positives / self.hits
        return np.append(0.0, false), np.append(0.0, true)

    def auc(self) -> float | None:
        """Area under the ROC curve by the trapezoidal rule, as metrics.auc; None for one class."""
        if self.one_class:
            return None
        false, true = self.rates()
        return float(np.trapezoid(true, false))

    def ks(self) -> float | None:
        """Kolmogorov-Smirnov: the largest distance of the true from the false positive rate."""
        if self.one_class:
            return None
        false, true = self.rates()
        return float(np.abs(true - false).max())

    def curve(self, points: int) -> list[list[float]]:
        """The ROC curve at evenly spread false positive rates: [false, true] each. Empty for one class."""
        if self.one_class:
            return []
        false, true = self.rates()
        at = np.linspace(0, 1, points)
        return [[float(x), float(y)] for x, y in zip(at, np.interp(at, false, true), strict=True)]

    def at_threshold(self, threshold: float) -> dict[str, float | None]:
        """Of the rows with a prediction ≥ threshold: their share, precision and recall (None: undefined)."""
        place = int(np.searchsorted(-self.scores, -threshold, side="right")) - 1
        flagged = int(self.rows[place]) if place >= 0 else 0
        found = int(self.positives[place]) if place >= 0 else 0
        return {
            "threshold": threshold,
            "flagged": flagged / self.size,
            "precision": found / flagged if flagged else None,
            "recall": found / self.hits if self.hits else None,
        }

    def at_share(self, share: float) -> dict[str, float | None]:
        """Of this share of the rows, those with the highest predictions: lift, and which part of label 1."""
        wanted = share * self.size
        rows, positives = np.append(0, self.rows), np.append(0, self.positives)
        found = float(np.interp(wanted, rows, positives))
        known = wanted > 0 and self.hits > 0
        return {
            "share": share,
            "lift": found / wanted * self.size / self.hits if known else None,
            "captured": found / self.hits if self.hits else None,
        }
