"""How far the rows of a prediction are from those of the training: a column's population stability index.

It is the sum over bins of (found - expected) * ln(found / expected). The bins and the expected shares, the
`Reference`, are made in the training and travel in the model file; all shares are blurred.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from confide.core import limits
from confide.core.errors import ModelFileInvalid
from confide.data.columns import Values
from confide.data.filling import Mapping
from confide.data.numbers import BucketField, NumericField
from confide.data.statistics.blurring import Blur
from confide.data.statistics.figures import ENOUGH, ordered, quantiles

Shares = Annotated[tuple[Annotated[float, msgspec.Meta(ge=0, le=1)], ...], msgspec.Meta(min_length=2)]
_CHANCE: Final = 0.25
"""The variance of a rounding at random, at most, in squared steps."""


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The shares of a column's bins in the training's joined rows."""

    party: str
    column: str
    edges: Annotated[tuple[float, ...], msgspec.Meta(max_length=limits.MAX_DRIFT_BINS)] = ()
    """Of a numeric column: the intervals' bounds, the lower one included."""
    categories: Annotated[tuple[int, ...], msgspec.Meta(max_length=limits.MAX_DRIFT_BINS)] = ()
    """Of a categorical column: indices within its field of the encoding, each a bin."""
    shares: Shares
    """Numeric: of the missing ones, then of each interval; categorical: of all others, then of each index."""
    step: Annotated[float, msgspec.Meta(gt=0, le=1)]
    """To a multiple of which the shares were rounded."""

    def __post_init__(self) -> None:
        if len(self.shares) != (len(self.edges) + 2 if self.edges else len(self.categories) + 1):
            raise ValueError("shares: one for each bin")
        if any(not low < high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges: must be strictly increasing")
        if not all(map(math.isfinite, self.edges)) or (self.edges and self.categories):
            raise ValueError("edges: finite numbers, and none beside categories")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the bins, for people."""
        if not self.edges:
            return ("others", *(f"category {index}" for index in self.categories))
        inner = (f"{low:g} … {high:g}" for low, high in zip(self.edges, self.edges[1:], strict=False))
        return ("missing", f"< {self.edges[0]:g}", *inner, f"≥ {self.edges[-1]:g}")

    @classmethod
    def of(cls, values: Values, mapping: Mapping, blur: Blur) -> Self | None:
        """`values` of all joined rows, in any order; None where there are too few rows, or a single bin."""
        if len(values) < ENOUGH * blur.rows:
            return None
        edges, categories = _bins(values, mapping, blur)
        if not edges and not categories:
            return None
        counts = _counts(values, mapping, edges, categories)
        told = [blur.share(f"bin {at}", count, len(values)) for at, count in enumerate(counts)]
        return cls(
            party=blur.party,
            column=blur.column,
            edges=edges,
            categories=categories,
            shares=tuple(share["value"] for share in told),
            step=told[0]["step"],
        )

    def compare(self, values: Values, mapping: Mapping, blur: Blur) -> dict[str, Any] | None:
        """`values` of a prediction's rows: the index, what blurring adds to it by chance, and the bins."""
        if len(values) < ENOUGH * blur.rows:
            return None
        counts = _counts(values, mapping, self.edges, self.categories)
        told = [blur.share(f"bin {at}", count, len(values)) for at, count in enumerate(counts)]
        found, step = tuple(share["value"] for share in told), told[0]["step"]
        bins = [
            {"name": name, "expected": expected, "found": share}
            for name, expected, share in zip(self.names, self.shares, found, strict=True)
        ]
        index = stability_index(self.shares, found, floors=(self.step / 2, step / 2))
        noise = _CHANCE * (self.step**2 + step**2)
        chance = sum(noise / max(share, self.step / 2) for share in self.shares)
        return {"index": index, "by_chance": chance, "bins": bins}


def stability_index(
    expected: tuple[float, ...], found: tuple[float, ...], *, floors: tuple[float, float]
) -> float:
    """Population stability index; a share below its floor (expected, found) counts as the floor."""
    pairs = ((max(p, floors[0]), max(q, floors[1])) for p, q in zip(expected, found, strict=True))
    return sum((q - p) * math.log(q / p) for p, q in pairs)


def _bins(values: Values, mapping: Mapping, blur: Blur) -> tuple[tuple[float, ...], tuple[int, ...]]:
    if isinstance(mapping, NumericField | BucketField):
        told = (quantile["value"] for quantile in quantiles(ordered(values), blur))
        return tuple(sorted({value for value in told if value is not None})), ()
    indices = _indices(values, mapping)
    counts = np.bincount(indices)
    enough = np.flatnonzero(counts >= blur.threshold("drift"))
    most = enough[np.argsort(-counts[enough], kind="stable")][: limits.MAX_DRIFT_BINS]
    return (), tuple(sorted(most.tolist()))


def _indices(codes: Values, mapping: Mapping) -> npt.NDArray[np.int32]:
    if isinstance(mapping, NumericField | BucketField):
        raise TypeError("numbers have no index of their own")
    return mapping.reader()(np.array(codes, np.uint64))[0]


def _counts(
    values: Values, mapping: Mapping, edges: tuple[float, ...], categories: tuple[int, ...]
) -> list[int]:
    """Rows of each bin, in the order of a reference's shares."""
    if edges:
        numbers = values[~np.isnan(values)]
        inside = np.bincount(np.searchsorted(edges, numbers, side="right"), minlength=len(edges) + 1)
        return [len(values) - len(numbers), *inside.tolist()]
    found = np.bincount(_indices(values, mapping), minlength=max(categories, default=0) + 1)
    chosen = found[list(categories)].tolist()
    return [len(values) - sum(chosen), *chosen]


def to_document(references: Sequence[Reference]) -> list[dict[str, Any]]:
    """Plain JSON, for the model file."""
    return [dict(msgspec.to_builtins(reference)) for reference in references]


def from_document(document: Any) -> dict[tuple[str, str], Reference]:
    """By (party, column), of an untrusted document. Raises ModelFileInvalid, and nothing else."""
    try:
        found = msgspec.convert(document, tuple[Reference, ...])
    except (msgspec.ValidationError, ValueError) as cause:
        raise ModelFileInvalid(f"reference: {cause}") from None
    return {(reference.party, reference.column): reference for reference in found}
