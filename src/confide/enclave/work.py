"""The port between the coordinator and the computation: training and prediction on opened data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from confide.core.ports import Randomness
from confide.enclave.storage.checkpoints import Checkpoints
from confide.enclave.storage.vault import Shelves
from confide.protocol.blocks import SignedBlock
from confide.protocol.evaluation import GateFigures
from confide.protocol.receipts import PrivatePart, RowCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the work of a round has produced."""

    data: bytes = field(repr=False)
    """The model file or the prediction file."""
    rows: dict[str, RowCounts]
    report: PrivatePart = field(repr=False)
    held_out: bytes = field(default=b"", repr=False)
    """The held-out predictions, where the task releases them."""
    gate: GateFigures | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Either progress or, last, the outcome."""

    stage: str = ""
    done: int = 0
    total: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    outcome: Outcome | None = None
    ready: Callable[[], bool] | None = field(default=None, repr=False)
    """There is nothing to do before this says yes: what has come is worked on."""


class Work(Protocol):
    """Trains or predicts step by step, so that the driver can report, and stop, between steps."""

    def run(
        self,
        agreement: SignedBlock,
        model: bytes,
        shelves: Shelves,
        randomness: Randomness,
        checkpoints: Checkpoints | None,
    ) -> Iterator[Step]:
        """`model`: to predict with, or to start from; empty for a training that starts from nothing.

        The last step holds the outcome.

        Raises:
            DataError, TaskEnded: with the party at fault as `blame`, where there is one.
        """
        ...
