"""Everything the enclave knows about one training or prediction, from proposal to acknowledgement."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from confide.core.platform_api import TaskKind
from confide.protocol.blocks import Block, SignedBlock
from confide.protocol.messages import Commit, Confirm, ModelReference, Payload, Proposal
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
    asked_at: int
    """When the providers were asked; Unix seconds by the enclave's clock."""
    consents: dict[str, Consent] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    id_set: str | None = None
    """The id-set digest that all have in common, once it has been compared."""
    block: Block | None = None
    signatures: dict[str, bytes] = field(default_factory=dict)
    signed: SignedBlock | None = None
    confirms: dict[str, Confirm] = field(default_factory=dict)
    passed: bool = False
    """Whether all hold the same task and algorithm."""
    opened: dict[str, int] = field(default_factory=dict)
    """Rows of each dataset whose commitment has been opened."""
    received: set[str] = field(default_factory=set)
    """Whose data is complete."""
    model_parts: list[Payload] = field(default_factory=list, repr=False)
    attempts: Counter[str] = field(default_factory=Counter)
    outcome: Outcome | None = None
    statement: ResultStatement | None = None

    @property
    def proposal(self) -> Proposal:
        """As the initiator has said it."""
        return Proposal(task=self.task, algorithm=self.algorithm, model=self.model)

    @property
    def asking(self) -> bool:
        """Whether a provider has not answered yet."""
        return not set(self.task.providers) <= set(self.consents)

    def release_result(self) -> None:
        """The initiator holds the result: its bytes are not needed here any more."""
        if self.outcome is not None:
            self.outcome = replace(self.outcome, data=b"")

    def forget(self, party: str) -> None:
        """Its channel is lost: what it said in a negotiation or confirmation under way, it says again."""
        if self.signed is None:
            self.commits.pop(party, None)
            self.block = None
            self.signatures.clear()
        if not self.passed:
            self.confirms.pop(party, None)

    @property
    def kind(self) -> TaskKind:
        """Train or predict."""
        return self.task.kind

    def complete(self, collected: Collection[str]) -> bool:
        """Whether every participant is in `collected`."""
        return set(self.task.participants) <= set(collected)
