"""Everything the enclave knows about one training or prediction, from proposal to acknowledgement."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from confide.core.digest import digest_of
from confide.core.platform_api import TaskKind
from confide.enclave.storage.checkpoints import Checkpoints
from confide.enclave.work import Outcome
from confide.protocol import receipts
from confide.protocol.blocks import Block, SignedBlock
from confide.protocol.framing import Payload
from confide.protocol.messages import Checkpoint, Commit, Confirm, ModelReference, Proposal
from confide.protocol.receipts import ResultStatement
from confide.protocol.terms import Algorithm, Consent, Task


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
    storage_keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    told: list[Checkpoint] = field(default_factory=list)
    """What parties were told of checkpoints, in this round."""
    checkpoints: Checkpoints | None = None
    received: set[str] = field(default_factory=set)
    """Whose data is complete."""
    model_parts: list[Payload] = field(default_factory=list, repr=False)
    model_came: bool = False
    """Whether the model that the initiator brings is here, and is what was agreed."""
    attempts: Counter[str] = field(default_factory=Counter)
    outcome: Outcome | None = None
    statement: ResultStatement | None = None
    done: receipts.Round | None = None
    """What was done, as the receipt will say it; once the work is over."""
    renews: SignedBlock | None = None
    """The block of an enclave that died, in whose place this round's block is signed."""

    @property
    def proposal(self) -> Proposal:
        """As the initiator has said it."""
        return Proposal(task=self.task, algorithm=self.algorithm, model=self.model)

    @property
    def digests(self) -> tuple[str, ...]:
        """Of its agreed block, and of those whose place it takes."""
        agreed = [signed.block for signed in (self.renews, self.signed) if signed is not None]
        return (*(digest for block in agreed for digest in block.succeeds), *map(digest_of, agreed))

    @property
    def asking(self) -> bool:
        """Whether a provider has not answered yet."""
        return bool(self.undecided)

    @property
    def undecided(self) -> frozenset[str]:
        """Providers that have not answered yet."""
        return frozenset(self.task.providers) - self.consents.keys()

    def release_result(self) -> None:
        """The initiator holds the result: its bytes are not needed here any more."""
        if self.outcome is not None:
            self.outcome = replace(self.outcome, data=b"", held_out=b"")

    def forget(self, party: str) -> None:
        """Its channel is lost: what it said in a negotiation or confirmation under way, it says again."""
        if self.renews is not None:
            self.signatures.pop(party, None)
        elif self.signed is None:
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
