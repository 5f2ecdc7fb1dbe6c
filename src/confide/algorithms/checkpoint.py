"""The state of a training between two epochs, as bytes: what another process needs to end with the same
numbers, to the bit.

Only learners that can tell their whole state have checkpoints (`Resumable`: the compiled core). A checkpoint
fits the number of threads and the instructions with which it was made, and no other.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from confide.algorithms.base import TrainingProgress

_META = "state"


@runtime_checkable
class Resumable(Protocol):
    """A learner whose whole state can be kept and brought back."""

    @property
    def random(self) -> np.random.Generator:
        """Of its noise."""
        ...

    @property
    def engine(self) -> str:
        """Everything besides the numbers on which the result depends, to the bit."""
        ...

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """All learned numbers and the optimiser's sums, where they are."""
        ...


def pack(
    learner: Resumable,
    order: np.random.Generator,
    ends: Sequence[TrainingProgress],
    best: tuple[int, float, list[npt.NDArray[Any]] | None],
) -> bytes:
    """After an epoch: the learner, the order of rows to come, all epochs' reports, the best one's numbers."""
    epoch, loss, numbers = best
    document = {
        "engine": learner.engine,
        "random": learner.random.bit_generator.state,
        "order": order.bit_generator.state,
        "ends": [asdict(end) for end in ends],
        "best": [epoch, loss if numbers is not None else None, len(numbers or ())],
    }
    arrays = {f"learner.{name}": np.ascontiguousarray(view) for name, view in learner.state().items()}
    arrays |= {f"best.{at}": np.ascontiguousarray(array) for at, array in enumerate(numbers or ())}
    return safetensors.numpy.save(arrays, metadata={_META: json.dumps(document)})


def unpack(
    data: bytes, learner: Resumable, order: np.random.Generator
) -> tuple[list[TrainingProgress], tuple[int, float, list[npt.NDArray[Any]]] | None] | None:
    """Bring a state back into a fresh learner: the reports so far, and the best epoch.

    None, and nothing is changed: it was made on another engine.
    """
    size = int.from_bytes(data[:8], "little")
    document = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][_META])
    if document["engine"] != learner.engine:
        return None
    arrays = safetensors.numpy.load(data)
    for name, view in learner.state().items():
        view[...] = arrays[f"learner.{name}"]
    learner.random.bit_generator.state = document["random"]
    order.bit_generator.state = document["order"]
    epoch, loss, count = document["best"]
    best = (epoch, loss, [arrays[f"best.{at}"] for at in range(count)]) if count else None
    return [TrainingProgress(**end) for end in document["ends"]], best
