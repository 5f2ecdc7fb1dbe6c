"""What every algorithm is to the enclave: fit, predict, and arrays that a model file can hold."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

from confide.core import limits
from confide.core.errors import LimitExceeded, ModelFileInvalid, SchemaMismatch, WorkFailed

Floats = npt.NDArray[Any]
"""float32 or float64."""
Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Encoded rows with their labels: indices (n, F) integer, values (n, F) and labels (n,) floating."""

    indices: Integers
    values: Floats
    labels: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, chosen: Integers | slice) -> "Batch":
        """The chosen rows, in the order given."""
        return Batch(self.indices[chosen], self.values[chosen], self.labels[chosen])


class Shards(Protocol):
    """Encoded rows in a fixed partition, of which one part at a time is in memory."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows of each shard."""
        ...

    @property
    def labels(self) -> Floats:
        """(rows,) of all shards, one after another."""
        ...

    @property
    def fields(self) -> int:
        """How many each row has."""
        ...

    def load(self, at: int) -> Batch:
        """The rows of a shard. Its arrays may be overwritten by the next load, also of other shards."""
        ...


@runtime_checkable
class InTurn(Shards, Protocol):
    """Shards of which the first pass takes each in its turn: it may begin before the last one has come.

    `labels` is complete when the last shard has been loaded.
    """

    def first_labels(self) -> Floats:
        """Of the first shard, which must be ready: from them the model starts."""
        ...

    def ready(self, at: int) -> bool:
        """Whether the shard, and all before it, can be loaded."""
        ...


class Whole:
    """Rows that are in memory: one shard."""

    def __init__(self, rows: Batch) -> None:
        self._rows = rows

    @property
    def sizes(self) -> tuple[int, ...]:
        return (len(self._rows),)

    @property
    def labels(self) -> Floats:
        return self._rows.labels

    @property
    def fields(self) -> int:
        shape = self._rows.indices.shape
        return int(shape[1]) if len(shape) == 2 else 0  # noqa: PLR2004 - rows and fields

    def load(self, at: int) -> Batch:
        """The rows; always the same arrays."""
        del at
        return self._rows


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """One report of a running training.

    The train figures are means over the epoch so far, each batch scored just before it is learned.
    Held-out figures come with the last report of an epoch only. The figures of the other loss are None.
    """

    epoch: int
    """From 1."""
    epochs: int
    step: int
    """Updates done since the start of the training."""
    steps: int
    """Updates in all, unless training stops early."""
    train_logloss: float | None
    holdout_logloss: float | None = None
    holdout_auc: float | None = None
    """None where the held-out rows have one class only."""
    train_rmse: float | None = None
    holdout_rmse: float | None = None
    waits_for: int | None = None
    """The shard without which nothing goes on; then this report has no figures."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """A model, and which of its features are which of the new training's."""

    arrays: Mapping[str, Floats] = field(repr=False)
    """As the model file holds them."""
    places: npt.NDArray[np.int64] = field(repr=False)
    """(new features,): the feature's index in the model, or -1."""


class Keeper(Protocol):
    """Where a training keeps its state between epochs, to go on from it (see checkpoint.py)."""

    def found(self) -> bytes | None:
        """The state to start from; None: from the beginning."""
        ...

    def keep(self, state: Callable[[], bytes]) -> None:
        """After an epoch: take the state, if it is time."""
        ...


class Estimator(ABC):
    """One algorithm with its parameters, before or after training. Not safe for concurrent `fit`."""

    name: ClassVar[str]
    title: ClassVar[str]
    """What it is called in the field, and which loss makes it what."""
    version: ClassVar[str]
    starts_from_model: ClassVar[bool] = True
    """Whether `fit_shards` can take over a model's numbers."""
    Parameters: ClassVar[type[msgspec.Struct]]
    sources: ClassVar[tuple[str, ...]]
    """The files of this package that its results depend on (see registry.code_digest)."""
    in_turn: ClassVar[bool] = False
    """Whether `fit_shards` can begin before all shards have come (InTurn)."""
    shifts: ClassVar[bool] = False
    """Whether `shift` works."""
    weighs: ClassVar[bool] = False
    """Whether `positive_weight` is heeded."""
    positive_weight: float = 1.0
    """How often a row with label 1 is learned in an epoch; set before `fit`. Of a fraction, by chance."""

    @abstractmethod
    def __init__(self, parameters: Any) -> None:
        """`parameters`: an instance of `Parameters`."""

    @abstractmethod
    def fit_shards(
        self,
        data: Shards,
        *,
        holdout: Shards | None = None,
        feature_count: int,
        start: WarmStart | None = None,
        keeper: Keeper | None = None,
    ) -> Iterator[TrainingProgress]:
        """Train; the work is done while the iterator is consumed.

        Args:
            data: of indices 0 ≤ index < feature_count, the number that goes with each (1 for a category), and
                labels: 0 or 1 for the logistic loss, any finite number for the squared one.
            holdout: rows that are only scored, after each epoch.
            feature_count: size of the index space.
            start: a model whose numbers are taken over; what it does not know, or all, starts from the seed.
            keeper: keeps the state between epochs, and may have one to go on from.

        Of data that is InTurn, reports say which shard it waits for, until that is ready.

        Raises:
            SchemaMismatch: arrays of other shapes, types or ranges.
            ModelNotUsable: the model to start from is of another algorithm, or of other sizes; or this
                algorithm starts from none (`starts_from_model`).
            LimitExceeded: more than MAX_FEATURES features, MAX_FIELDS fields or MAX_MODEL_NUMBERS numbers.
            WorkFailed: no rows, or the training diverged.
        """

    def fit(
        self,
        indices: Integers,
        values: Floats,
        labels: Floats,
        *,
        holdout: Batch | None = None,
        feature_count: int,
    ) -> Iterator[TrainingProgress]:
        """As `fit_shards`, with all rows in memory: indices (n, F), values (n, F), labels (n,)."""
        held = None if holdout is None else Whole(holdout)
        whole = Whole(Batch(indices, values, labels))
        yield from self.fit_shards(whole, holdout=held, feature_count=feature_count)

    @abstractmethod
    def working_bytes(self, fields: int, *, rows: int = 0, features: int = 0) -> int:
        """Memory for the work beside the rows as they are given and what is learned.

        Args:
            fields: of each row. An algorithm that learns in batches needs no more than this.
            rows: of training and held-out together.
            features: size of the index space, at most.
        """

    @abstractmethod
    def predict(self, indices: Integers, values: Floats) -> npt.NDArray[np.float32]:
        """(n,) probabilities of label 1, or, trained with the squared loss, predicted labels.

        Raises:
            SchemaMismatch: arrays of other shapes, types or ranges than trained with.
            WorkFailed: not trained.
        """

    def shift(self, logit: float) -> None:
        """Move every prediction by this much on the scale of the logarithm of the odds.

        Raises WorkFailed: not trained, or the algorithm has no number that would do it.
        """
        del logit
        raise WorkFailed(f"{self.name} can't correct its predictions for rows that were left out")

    @property
    @abstractmethod
    def feature_count(self) -> int:
        """Size of the index space it was trained on. Raises WorkFailed when not trained."""

    @abstractmethod
    def arrays(self) -> dict[str, Floats]:
        """Copies of all learned numbers, by name. Raises WorkFailed when not trained."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, parameters: Any, arrays: Mapping[str, Floats]) -> Self:
        """The trained estimator again. Raises ModelFileInvalid when names, shapes or types do not fit."""


def check_encoded(indices: Integers, values: Floats, *, fields: int | None, feature_count: int) -> None:
    """Raises SchemaMismatch unless the arrays are what `Estimator.fit` describes."""
    if indices.ndim != 2 or values.shape != indices.shape:  # noqa: PLR2004 - rows and fields
        raise SchemaMismatch(f"expected two arrays (rows, fields), got {indices.shape} and {values.shape}")
    if fields is not None and indices.shape[1] != fields:
        raise SchemaMismatch(f"the model has {fields} fields, the rows have {indices.shape[1]}")
    if indices.shape[1] == 0:
        raise SchemaMismatch("no feature fields")
    if indices.dtype.kind not in "iu" or values.dtype.kind != "f":
        raise SchemaMismatch(f"expected integers and floats, got {indices.dtype} and {values.dtype}")
    if indices.size and not (indices.min() >= 0 and indices.max() < feature_count):
        raise SchemaMismatch(f"a feature index lies outside 0…{feature_count - 1}")
    if not np.isfinite(values).all():
        raise SchemaMismatch("a feature value is not a finite number")


def check_rows(batch: Batch, *, fields: int, feature_count: int, binary: bool) -> None:
    """Raises SchemaMismatch unless the rows can be learned or scored."""
    check_encoded(batch.indices, batch.values, fields=fields, feature_count=feature_count)
    _check_labels(batch, binary=binary)


def check_size(*, fields: int, feature_count: int, numbers_per_feature: int) -> None:
    """Raises LimitExceeded for a model that is too large."""
    if fields > limits.MAX_FIELDS:
        raise LimitExceeded(f"{fields} fields; MAX_FIELDS is {limits.MAX_FIELDS}")
    if not 0 < feature_count <= limits.MAX_FEATURES:
        raise LimitExceeded(f"{feature_count} features; MAX_FEATURES is {limits.MAX_FEATURES}")
    if feature_count * numbers_per_feature > limits.MAX_MODEL_NUMBERS:
        raise LimitExceeded(
            f"{feature_count} features of {numbers_per_feature} numbers each; MAX_MODEL_NUMBERS is "
            f"{limits.MAX_MODEL_NUMBERS}: hash to fewer buckets, or take a smaller embedding"
        )


def _check_labels(batch: Batch, *, binary: bool) -> None:
    if batch.labels.shape != batch.indices.shape[:1] or batch.labels.dtype.kind != "f":
        raise SchemaMismatch(f"expected one floating label per row, got {batch.labels.shape}")
    if not np.isfinite(batch.labels).all():
        raise SchemaMismatch("a label is not a finite number")
    if binary and not np.isin(batch.labels, (0.0, 1.0)).all():
        raise SchemaMismatch("the logistic loss needs labels 0 and 1")


def checked_arrays(
    arrays: Mapping[str, Floats], shapes: Mapping[str, tuple[int | None, ...]], dtype: np.dtype[Any]
) -> dict[str, Floats]:
    """The arrays, if they are exactly those named, of those shapes and all of `dtype`, finite.

    None in a shape stands for the number of features: any size from 1 to limits.MAX_FEATURES, everywhere
    the same. Raises ModelFileInvalid.
    """
    if set(arrays) != set(shapes):
        raise ModelFileInvalid(f"the arrays should be {', '.join(sorted(shapes))}")
    features: set[int] = set()
    for name, shape in shapes.items():
        array = arrays[name]
        fits = len(array.shape) == len(shape) and all(
            want in (None, size) for want, size in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype != dtype:
            raise ModelFileInvalid(f"array {name!r} has another shape or type than the parameters say")
        if not np.isfinite(array).all():
            raise ModelFileInvalid(f"array {name!r} holds a number that is not finite")
        features.update(size for want, size in zip(shape, array.shape, strict=True) if want is None)
    if len(features) > 1 or not all(0 < count <= limits.MAX_FEATURES for count in features):
        raise ModelFileInvalid("the arrays disagree on the number of features, or it is out of range")
    return dict(arrays)
