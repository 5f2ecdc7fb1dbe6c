"""The pairwise part of AFM: attention over products of embeddings, forward and backward, closed form.

Sizes: F fields, P = F(F-1)/2 pairs, K embedding, T attention units, n rows (the last axis everywhere, so
that NumPy's inner loops run over rows). With q = e_i ∘ e_j of a pair (Xiao et al. 2017, formulas 5 to 7):

    score = hᵀ ReLU(W q + b);  a = softmax of the scores over pairs;  output = Σ a · pᵀ q

Only pᵀq of a pair is needed, never the pooled vector Σ a q; so W, b and p form one matrix, and each
direction is one matrix product over [q; 1]:

    [Z; G] = [[W, b], [p, 0]] · [q; 1]          G = pᵀq

With c = a · dL/d output and s = c · (G - output) = dL/d score, and m = 1[Z > 0] · s:

    [dW/h; dp] = [m; c] · qᵀ,   db = h ∘ Σ m,   dh = Σ ReLU(Z) s,   dq = [h∘W; p]ᵀ · [m; c]

Dropout on the pooled vector (mask k, scaled) replaces pᵀq by pᵀ(k ∘ q).
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Floats


@dataclass(slots=True)
class AttentionWeights:
    """The learned numbers of the pairwise part, or a gradient with respect to them."""

    weight: Floats
    """W, (T, K)."""
    bias: Floats
    """b, (T,)."""
    output: Floats
    """h, (T,)."""
    projection: Floats
    """p, (K,)."""

    @classmethod
    def zeros_like(cls, other: "AttentionWeights") -> "AttentionWeights":
        return cls(*(np.zeros_like(array) for array in other.arrays()))

    def arrays(self) -> tuple[Floats, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))

    def stacked(self) -> Floats:
        """[[W, b], [p, 0]], (T + 1, K + 1)."""
        units, size = self.weight.shape
        matrix = np.zeros((units + 1, size + 1), dtype=self.weight.dtype)
        matrix[:units, :size] = self.weight
        matrix[:units, size] = self.bias
        matrix[units, :size] = self.projection
        return matrix


class PairAttention:
    """Forward and backward over groups of at most `rows` rows; owns the buffers, keeps the last forward."""

    def __init__(self, weights: AttentionWeights, *, field_count: int, rows: int) -> None:
        self._weights = weights
        self._fields = field_count
        self._pairs = field_count * (field_count - 1) // 2
        units, size = weights.weight.shape
        dtype = weights.weight.dtype
        area = self._pairs * rows
        self._products = np.ones((size + 1, area), dtype)
        self._masked = np.empty((size, area), dtype)
        self._scores = np.empty((units + 1, area), dtype)
        self._slopes = np.empty((units + 1, area), dtype)
        self._active = np.empty((units, area), np.bool_)

    def _group(self, rows: int) -> None:
        """Views of the buffers for a group of `rows` rows."""
        area = self._pairs * rows
        self._q = _narrow(self._products, area)
        self._q[-1] = 1
        self._kq = _narrow(self._masked, area)
        self._zg = _narrow(self._scores, area)
        self._mc = _narrow(self._slopes, area)

    def forward(self, embedded: Floats, kept: Floats | None = None) -> Floats:
        """(n,) outputs of embedded rows (K, F, n); `kept` is the scaled dropout mask (K, n)."""
        size, _, rows = embedded.shape
        self._embedded, self._kept = embedded, kept
        if not self._pairs:
            return np.zeros(rows, dtype=embedded.dtype)
        self._group(rows)
        self._multiply_pairs()
        np.matmul(self._weights.stacked(), self._q, out=self._zg)
        if kept is not None:
            shape = (size, self._pairs, rows)
            np.multiply(self._q[:-1].reshape(shape), kept[:, None, :], out=self._kq.reshape(shape))
            np.matmul(self._weights.projection, self._kq, out=self._zg[-1])
        units = self._zg[:-1]
        np.maximum(units, 0, out=units)
        self._attention = _softmax((self._weights.output @ units).reshape(self._pairs, rows))
        self._gain = self._zg[-1].reshape(self._pairs, rows)
        output: Floats = (self._attention * self._gain).sum(axis=0)
        self._output = output
        return output

    def backward(self, slope: Floats, gradient: AttentionWeights) -> Floats:
        """dL/d embedded (K, F, n) of the last forward, given dL/d output (n,); adds to `gradient`."""
        if not self._pairs:
            return np.zeros_like(self._embedded)
        share = self._attention * slope
        score_slope = (share * (self._gain - self._output)).ravel()
        units = self._zg[:-1]
        gradient.output += units @ score_slope
        active = np.greater(units, 0, out=_narrow(self._active, units.shape[1]))
        np.multiply(active, score_slope, out=self._mc[:-1])
        self._mc[-1] = share.ravel()
        self._add_weights(gradient)
        return self._scatter_pairs(self._product_slope())

    def _multiply_pairs(self) -> None:
        """Fill in the products e_i ∘ e_j; pairs in the order (0,1), (0,2), …, (1,2), …"""
        size, _, rows = self._embedded.shape
        products = self._q[:-1].reshape(size, self._pairs, rows)
        for left, pairs in self._pair_runs():
            np.multiply(
                self._embedded[:, left : left + 1], self._embedded[:, left + 1 :], out=products[:, pairs]
            )

    def _add_weights(self, gradient: AttentionWeights) -> None:
        summed = self._mc @ self._q.T
        output = self._weights.output
        gradient.weight += output[:, None] * summed[:-1, :-1]
        gradient.bias += output * summed[:-1, -1]
        gradient.projection += summed[-1, :-1] if self._kept is None else self._kq @ self._mc[-1]

    def _product_slope(self) -> Floats:
        """dL/dq, (K, P, n)."""
        weights = self._weights
        size, _, rows = self._embedded.shape
        hidden = weights.output[:, None] * weights.weight
        if self._kept is None:
            combined: Floats = np.vstack((hidden, weights.projection)).T @ self._mc
            return combined.reshape(size, self._pairs, rows)
        slope: Floats = (hidden.T @ self._mc[:-1]).reshape(size, self._pairs, rows)
        share = self._mc[-1].reshape(self._pairs, rows)
        slope += (weights.projection[:, None] * self._kept)[:, None, :] * share
        return slope

    def _scatter_pairs(self, slope: Floats) -> Floats:
        """dL/de_i = Σ_j dL/dq_ij ∘ e_j. Overwrites `slope`."""
        embedded = self._embedded
        result = np.zeros_like(embedded)
        for left, pairs in self._pair_runs():
            run = slope[:, pairs]
            result[:, left] += np.einsum("kpn,kpn->kn", run, embedded[:, left + 1 :])
            run *= embedded[:, left : left + 1]
            result[:, left + 1 :] += run
        return result

    def _pair_runs(self) -> list[tuple[int, slice]]:
        """For each left field, where its pairs stand."""
        start, runs = 0, []
        for left in range(self._fields - 1):
            stop = start + self._fields - 1 - left
            runs.append((left, slice(start, stop)))
            start = stop
        return runs


def _narrow(buffer: npt.NDArray[Any], area: int) -> npt.NDArray[Any]:
    """The first `len(buffer)` x `area` numbers of a buffer, contiguous."""
    return buffer.reshape(-1)[: len(buffer) * area].reshape(len(buffer), area)


def _softmax(scores: Floats) -> Floats:
    """Over the first axis. Overwrites its argument."""
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)
    return scores
