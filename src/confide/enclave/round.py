"""Everything the enclave knows about one training or prediction, from proposal to acknowledgement."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from confide.core.platform_api import TaskKind
from confide.protocol.blocks import Block, SignedBlock
from confide.protocol.messages import Commit, Confirm, ModelReference
from confide.protocol.receipts import PrivatePart, ResultStatement, RowCounts
from confide.protocol.terms import Algorithm, Consent, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the work of a round has produced."""

    data: bytes = field(repr=False)
    """The model file or the prediction file."""
    rows: dict[str, RowCounts]
    report: PrivatePart = field(repr=False)


@dataclass(slots=True)
class Round:
    """Filled from top to bottom as the round goes on."""

    task: Task
    algorithm: Algorithm
    model: ModelReference | None
    offered: set[str] = field(default_factory=set)
    consents: dict[str, Consent] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    block: Block | None = None
    signatures: dict[str, bytes] = field(default_factory=dict)
    signed: SignedBlock | None = None
    confirms: dict[str, Confirm] = field(default_factory=dict)
    received: set[str] = field(default_factory=set)
    model_parts: list[bytes] = field(default_factory=list, repr=False)
    attempts: Counter[str] = field(default_factory=Counter)
    outcome: Outcome | None = None
    statement: ResultStatement | None = None

    @property
    def kind(self) -> TaskKind:
        """Train or predict."""
        return self.task.kind

    def complete(self, collected: Collection[str]) -> bool:
        """Whether every participant is in `collected`."""
        return set(self.task.participants) <= set(collected)
