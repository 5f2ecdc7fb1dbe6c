"""Regression trees as arrays: from LightGBM's text, checked when they come from a file; they score by the
core (engine/trees.py), or in NumPy.

A node is an inner node (its number) or a leaf (-1 - its number). A child that is an inner node has a greater
number than its parent, so that every way down ends. Thresholds are float32: a number x of a row is one, and
x ≤ t holds exactly if x ≤ the greatest float32 that is not above t.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Floats
from confide.algorithms.engine import trees
from confide.core.errors import ModelFileInvalid

Ints = npt.NDArray[np.int64]
GROUP_ROWS: Final = 1 << 12
NAMES: Final = ("leaf.value", "node.field", "node.left", "node.right", "node.threshold", "tree.root")
_EXACT: Final = float(1 << 53)


@dataclass(frozen=True, slots=True)
class Trees:
    """All trees, one after another."""

    roots: Ints
    """(trees,): a node each."""
    fields: Ints
    """(nodes,): which number is looked at."""
    thresholds: npt.NDArray[np.float32]
    """(nodes,): not above it goes left."""
    left: Ints
    right: Ints
    values: npt.NDArray[np.float64]
    """(leaves,): summed over the trees."""

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Of a model that LightGBM has just trained."""
        nodes, leaves = 0, 0
        roots: list[int] = []
        parts: list[tuple[npt.NDArray[Any], ...]] = []
        for tree in text.split("\nTree=")[1:]:
            lines = dict(line.split("=", 1) for line in tree.split("\n\n", 1)[0].splitlines() if "=" in line)
            values = np.fromstring(lines["leaf_value"], sep=" ")
            splits = np.fromstring(lines.get("split_feature", ""), np.int64, sep=" ")
            roots.append(nodes if splits.size else -1 - leaves)
            children = [
                _shifted(np.fromstring(lines.get(name, ""), np.int64, sep=" "), nodes, leaves)
                for name in ("left_child", "right_child")
            ]
            parts.append((splits, np.fromstring(lines.get("threshold", ""), sep=" "), *children, values))
            nodes, leaves = nodes + splits.size, leaves + values.size
        fields, thresholds, left, right, values = (np.concatenate(part) for part in zip(*parts, strict=True))
        return cls(np.array(roots), fields, _not_above(thresholds), left, right, values)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats], fields: int) -> Self:
        """Those named NAMES, which may come from anywhere. Raises ModelFileInvalid."""
        nodes, leaves = _length(arrays["node.field"]), _length(arrays["leaf.value"])
        left, right = (_whole(arrays[name], -leaves, nodes) for name in ("node.left", "node.right"))
        found = cls(
            roots=_whole(arrays["tree.root"], -leaves, nodes),
            fields=_whole(arrays["node.field"], 0, fields),
            thresholds=_finite(arrays["node.threshold"], np.float32),
            left=left,
            right=right,
            values=_finite(arrays["leaf.value"], np.float64),
        )
        if not len(found.thresholds) == len(left) == len(right) == nodes:
            raise ModelFileInvalid("the trees' arrays have different lengths")
        inner = np.arange(nodes)
        if any(((child >= 0) & (child <= inner)).any() for child in (left, right)):
            raise ModelFileInvalid("a tree's child stands before its parent")
        return found

    def arrays(self) -> dict[str, Floats]:
        """By name. A model file knows no integers: float64 holds them exactly."""
        return {
            "leaf.value": self.values.copy(),
            "node.field": self.fields.astype(np.float64),
            "node.left": self.left.astype(np.float64),
            "node.right": self.right.astype(np.float64),
            "node.threshold": self.thresholds.copy(),
            "tree.root": self.roots.astype(np.float64),
        }

    def outputs(self, numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """(n,) sums over the trees for rows (n, F)."""
        return self.scorer()(numbers)

    def scorer(self) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]:
        """What `outputs` does, made once for many rows: by the core, or in NumPy. For several threads."""
        nodes = (self.fields, self.thresholds, self.left, self.right)
        return trees.scorer(self.roots, nodes, self.values) or self.in_numpy

    def in_numpy(self, numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """`outputs` without the core: the same, to the bit."""
        result = np.zeros(len(numbers))
        for root in self.roots.tolist():
            result += self.values[self._leaves(root, numbers)]
        return result

    def _leaves(self, root: int, numbers: npt.NDArray[np.float32]) -> Ints:
        """(n,): in which leaf of a tree each row ends."""
        at = np.full(len(numbers), root, np.int64)
        rows = np.arange(len(numbers)) if root >= 0 else np.empty(0, np.int64)
        while rows.size:
            nodes = at[rows]
            goes_left = numbers[rows, self.fields[nodes]] <= self.thresholds[nodes]
            following = np.where(goes_left, self.left[nodes], self.right[nodes])
            at[rows] = following
            rows = rows[following >= 0]
        return -1 - at


def _shifted(children: Ints, nodes: int, leaves: int) -> Ints:
    """LightGBM numbers nodes and leaves of each tree from 0, and writes leaf i as ~i."""
    return np.where(children >= 0, children + nodes, children - leaves)


def _not_above(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The greatest float32 that is not above each."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
    lower = np.nextafter(near, np.float32(-np.inf))
    found = np.where(near.astype(np.float64) > thresholds, lower, near)
    return np.clip(found, np.finfo(np.float32).min, np.finfo(np.float32).max)


def _length(array: Floats) -> int:
    if array.ndim != 1:
        raise ModelFileInvalid("the trees' arrays have one axis each")
    return len(array)


def _whole(array: Floats, low: int, high: int) -> Ints:
    """Whole numbers in low … high - 1. Raises ModelFileInvalid."""
    _length(array)
    if array.dtype != np.float64 or not (np.isfinite(array) & (np.abs(array) < _EXACT)).all():
        raise ModelFileInvalid("the trees' arrays hold a number that is not finite, or of another type")
    numbers = array.astype(np.int64)
    if (numbers != array).any() or (numbers.size and not low <= numbers.min() <= numbers.max() < high):
        raise ModelFileInvalid("the trees' arrays point outside of them")
    return numbers


def _finite(array: Floats, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    _length(array)
    if array.dtype != dtype or not np.isfinite(array).all():
        raise ModelFileInvalid("the trees' arrays hold a number that is not finite, or of another type")
    return array.copy()
