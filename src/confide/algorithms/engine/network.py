"""The numbers of a model as the compiled core wants them, and what it can do with them."""

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Batch, Floats, Integers, check_encoded
from confide.algorithms.engine import library, memory
from confide.algorithms.engine.library import LINEAR_RECORD, Kind, ModelStruct, Path, RowsStruct
from confide.algorithms.parameters import Loss

LOSS_NUMBERS: Final[Mapping[Loss, int]] = {"logistic": 0, "squared": 1}
MAX_THREADS: Final = 16
"""More do not help micro-batches of 256 rows: each would have less than one group."""


CACHE_LINE: Final = 64


@dataclass(frozen=True, slots=True)
class Engine:
    """How the core runs. For one number of threads the result is always the same."""

    path: Path
    threads: int
    scoring: Path | None = None
    """What scores, where that is not what learns."""

    @classmethod
    def fastest(cls) -> "Engine | None":
        """On all processors this process may use; None where the core is not installed.

        It learns in bfloat16 where the processor is fast at that, and scores in float32 everywhere: a model
        must say the same to whoever opens it.
        """
        exact = [path for path in library.paths() if path is not Path.AVX512_BF16]
        if not exact:
            return None
        learning = Path.AVX512_BF16 if library.prefers_bfloat16() else exact[-1]
        return cls(learning, min(len(os.sched_getaffinity(0)), MAX_THREADS), exact[-1])


@dataclass(frozen=True, slots=True)
class Shape:
    """Kind and sizes of a model."""

    kind: Kind
    size: int
    """K, 0 for a linear model."""
    units: int
    """T, 0 without attention."""

    @property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """The dense numbers in the order of native/kernel.h, by their names in the model file."""
        first: dict[str, tuple[int, ...]] = {"bias": (1,)}
        if self.kind is not Kind.AFM:
            return first
        return first | {
            "attention.weight": (self.units, self.size),
            "attention.bias": (self.units,),
            "attention.output": (self.units,),
            "projection": (self.size,),
        }

    @property
    def dense_count(self) -> int:
        return sum(int(np.prod(shape)) for shape in self.parts.values())


def scratch_bytes(shape: Shape, fields: int, engine: Engine, batch_size: int) -> int:
    """What the core needs while it learns rows of so many fields: for AFM it grows with their square."""
    model = ModelStruct(
        record_stride=2 * shape.size,
        linear_stride=LINEAR_RECORD.itemsize // 4,
        kind=shape.kind,
        fields=fields,
        size=shape.size,
        units=shape.units,
        path=engine.path,
        threads=engine.threads,
    )
    return library.scratch_bytes(model, RowsStruct(count=batch_size, batch=batch_size), learning=True)


@dataclass(frozen=True, slots=True)
class Step:
    """What an update depends on beside the rows."""

    rate: float
    loss: Loss
    dropout: float = 0.0
    attention_l2: float = 0.0


@dataclass(frozen=True, slots=True)
class Gradient:
    """Of a batch's summed loss, as afm_network.Gradient has it."""

    loss: float
    records: npt.NDArray[np.float32]
    """(K + 1, F, n): of each row's records, the linear weight last."""
    dense: dict[str, npt.NDArray[np.float32]]


class FastNetwork:
    """All learned numbers, float32. Made with `fresh` it can learn, with `from_arrays` only score."""

    def __init__(
        self, shape: Shape, records: Floats, linear: npt.NDArray[Any], dense: Floats, engine: Engine
    ) -> None:
        self.shape = shape
        self.dense = dense
        self._records, self._linear, self._engine = records, linear, engine
        self._squares: Floats | None = None
        self._scratch = np.empty(0, np.uint8)

    @classmethod
    def fresh(cls, shape: Shape, feature_count: int, engine: Engine, *, accumulator_start: float) -> Self:
        """All zero, Adagrad's sums at their start. A record is an embedding and, beside it, its sums."""
        records = memory.zeros((feature_count, 2 * shape.size), np.float32)
        linear = memory.zeros((feature_count,), LINEAR_RECORD)
        records[:, shape.size :] = accumulator_start
        linear["squares"] = accumulator_start
        network = cls(shape, records, linear, np.zeros(shape.dense_count, np.float32), engine)
        network._squares = np.full_like(network.dense, accumulator_start)
        return network

    @classmethod
    def from_arrays(cls, shape: Shape, arrays: Mapping[str, Floats], engine: Engine) -> Self:
        """Of checked arrays (base.checked_arrays); the large ones are used in place."""
        linear = np.ascontiguousarray(arrays["linear"])
        no_records = np.zeros((len(linear), 0), np.float32)
        records = np.ascontiguousarray(arrays.get("embeddings", no_records))
        dense = np.concatenate([arrays[name].reshape(-1) for name in shape.parts])
        return cls(shape, records, linear, dense, engine)

    @property
    def feature_count(self) -> int:
        return len(self._linear)

    @property
    def embeddings(self) -> Floats:
        """(features, K), a view."""
        return self._records[:, : self.shape.size]

    @property
    def linear(self) -> Floats:
        """(features,), a view."""
        return self._linear["weight"] if self._linear.dtype.names else self._linear

    def parts(self) -> dict[str, Floats]:
        """Views of the dense numbers, by name."""
        return _split(self.shape, self.dense)

    def arrays(self) -> dict[str, Floats]:
        """Copies by name, as the model file holds them."""
        return {name: view.copy() for name, view in self.views().items()}

    def views(self) -> dict[str, Floats]:
        """The same numbers, where they are."""
        found = self.parts() | {"linear": self.linear}
        if self.shape.size:
            found["embeddings"] = self.embeddings
        return dict(sorted(found.items()))

    def outputs(self, indices: Integers, values: Floats) -> npt.NDArray[np.float32]:
        """(n,) raw outputs, before the loss turns them into predictions. Raises SchemaMismatch."""
        result = np.zeros(len(indices), np.float32)
        rows = Batch(indices, values, result)
        if len(rows):
            batch = checked_rows(rows, self.feature_count)
            self._call("confide_score", batch, _NO_STEP, len(rows), library.address(result))
        return result

    def learn(
        self, batch: Batch, order: npt.NDArray[np.int64], batch_size: int, step: Step, noise: Floats | None
    ) -> float:
        """One update per `batch_size` rows of the order; the summed loss, each batch's before its update.

        `batch` is one that `checked_rows` gave. `noise` is float32 of size len(order) * K, uniform in [0, 1).
        """
        loss = ctypes.c_double()
        checked_order(order, len(batch))
        arguments = (batch, step, batch_size, ctypes.byref(loss))
        self._call("confide_learn", *arguments, order=order, noise=noise)
        return loss.value

    def gradient(self, batch: Batch, step: Step, noise: Floats | None = None) -> Gradient:
        """Of one batch, for tests against the reference; nothing is learned. `noise` is (K, n)."""
        rows = checked_rows(batch, self.feature_count)
        size, loss = self.shape.size, ctypes.c_double()
        slopes = np.zeros(len(rows), np.float32)
        embedded = np.zeros((*rows.indices.shape, size), np.float32)
        dense = np.zeros_like(self.dense)
        targets = (library.address(array) for array in (slopes, embedded, dense))
        self._call("confide_gradient", rows, step, len(rows), *targets, ctypes.byref(loss), noise=noise)
        records = np.empty((size + 1, *rows.indices.T.shape), np.float32)
        records[:size] = embedded.transpose(2, 1, 0)
        records[size] = slopes
        records *= rows.values.T
        return Gradient(loss.value, records, _split(self.shape, dense))

    @property
    def engine_name(self) -> str:
        """On what the result depends besides the numbers."""
        return f"{self._engine.path.name}, {self._engine.threads} threads"

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """All numbers and the optimiser's sums, where they are."""
        squares = self._squares if self._squares is not None else np.zeros(0, np.float32)
        return {
            "records": self._records,
            "linear": self._linear.view(np.float32),
            "dense": self.dense,
            "squares": squares,
        }

    def snapshot(self) -> list[Floats]:
        """Copies of the learned numbers, without the accumulators."""
        return [self.embeddings.copy(), self.linear.copy(), self.dense.copy()]

    def restore(self, snapshot: list[Floats]) -> None:
        """Back to a snapshot."""
        for array, saved in zip((self.embeddings, self.linear, self.dense), snapshot, strict=True):
            array[...] = saved

    def _call(
        self,
        name: str,
        batch: Batch,
        step: Step,
        batch_size: int,
        *arguments: Any,
        order: npt.NDArray[np.int64] | None = None,
        noise: Floats | None = None,
    ) -> None:
        rows = RowsStruct(
            indices=library.address(batch.indices),
            values=library.address(batch.values),
            labels=library.address(batch.labels),
            order=library.address(order),
            noise=library.address(noise),
            count=len(batch) if order is None else len(order),
            batch=batch_size,
        )
        learning = name != "confide_score"
        path = self._engine.path if learning else self._engine.scoring or self._engine.path
        model = self._model(batch.indices.shape[1], step, path)
        self._need(library.scratch_bytes(model, rows, learning=learning))
        rows.scratch = -(-self._scratch.ctypes.data // CACHE_LINE) * CACHE_LINE
        library.call(name, ctypes.byref(model), ctypes.byref(rows), *arguments)

    def _need(self, scratch: int) -> None:
        """Kept from call to call: fresh pages cost as much as the work."""
        if len(self._scratch) < scratch + CACHE_LINE:
            self._scratch = memory.zeros((scratch + CACHE_LINE,), np.uint8)

    def _model(self, fields: int, step: Step, path: Path) -> ModelStruct:
        return ModelStruct(
            records=library.address(self._records),
            linear=library.address(self._linear),
            dense=library.address(self.dense),
            dense_squares=library.address(self._squares),
            record_stride=self._records.shape[1],
            linear_stride=self._linear.itemsize // 4,
            kind=self.shape.kind,
            loss=LOSS_NUMBERS[step.loss],
            fields=fields,
            size=self.shape.size,
            units=self.shape.units,
            path=path,
            threads=self._engine.threads,
            rate=step.rate,
            attention_l2=step.attention_l2,
            dropout=step.dropout,
        )


_NO_STEP: Final = Step(rate=0.0, loss="logistic")


def checked_rows(batch: Batch, feature_count: int) -> Batch:
    """The rows as the core reads them (int32, float32, one block each), copied only where they differ.

    Raises SchemaMismatch: it follows every index, so none may lie outside the features.
    """
    check_encoded(batch.indices, batch.values, fields=None, feature_count=feature_count)
    return Batch(
        np.ascontiguousarray(batch.indices, np.int32),
        np.ascontiguousarray(batch.values, np.float32),
        np.ascontiguousarray(batch.labels, np.float32),
    )


def checked_order(order: npt.NDArray[np.int64], rows: int) -> None:
    """Raises ValueError: the core follows these numbers, too."""
    plain = order.dtype == np.int64 and order.flags.c_contiguous
    if not plain or (order.size and (order.min() < 0 or order.max() >= rows)):
        raise ValueError("an order is int64 and names rows that are there")


def _split(shape: Shape, dense: Floats) -> dict[str, Floats]:
    found, start = {}, 0
    for name, part in shape.parts.items():
        stop = start + int(np.prod(part))
        found[name] = dense[start:stop].reshape(part)
        start = stop
    return found
