"""What a training learns from: encoded rows of training and held-out, wherever they are kept."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Batch, Shards, Whole
from confide.core.features import Cross
from confide.data.columns import Field
from confide.data.encoding import FeatureEncoder
from confide.data.vocabulary import Vocabulary
from confide.enclave.rows.opened import Opened
from confide.enclave.work import Step

Labels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Split:
    """The joined rows stand in this order: those to train on, those to decide by, those held out."""

    training: int
    labels: Labels
    """(rows,)"""
    validation: int = 0


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Encoded by one encoder, which was fitted on the training rows."""

    encoder: FeatureEncoder
    learn: Shards
    held: Shards
    validation: Shards | None = None
    """By which early stopping and tuning decide; None: by the held-out rows."""
    close: Callable[[], None] = lambda: None
    """Let go of what was kept outside of memory."""


class EncodeRows(Protocol):
    """Makes encoded rows of some fields, and of crosses of them."""

    def __call__(
        self, fields: Sequence[Field], crosses: Sequence[Cross], vocabulary: Vocabulary, *, last: bool
    ) -> Generator[Step, None, EncodedRows]:
        """Before the `last` rows are learned from, the blocks are let go: nothing more is read of them.

        Raises LimitExceeded, DataError (with `blame`), SpoolFailed.
        """
        ...


class InMemory:
    """Implements EncodeRows: all rows at once."""

    def __init__(self, opened: Opened, split: Split) -> None:
        self._opened, self._split = opened, split

    def __call__(
        self, fields: Sequence[Field], crosses: Sequence[Cross], vocabulary: Vocabulary, *, last: bool
    ) -> Generator[Step, None, EncodedRows]:
        """See EncodeRows. Tells nothing on the way."""
        split, columns = self._split, self._opened.columns(fields)
        encoder, encoded = FeatureEncoder.fit_encode(fields, columns, split.training, vocabulary, crosses)
        if last:
            self._opened.release()
        everything = Batch(encoded.indices, encoded.values, split.labels)
        middle = split.training + split.validation
        learn, held = everything.rows(slice(split.training)), everything.rows(slice(middle, None))
        validation = Whole(everything.rows(slice(split.training, middle))) if split.validation else None
        return EncodedRows(encoder, Whole(learn), Whole(held), validation)
        yield  # a generator like its sibling
