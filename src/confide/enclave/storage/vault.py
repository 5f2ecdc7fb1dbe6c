"""Where the enclave keeps opened data: checked on arrival, in memory or sealed on disk, wiped each round."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from confide.core import limits
from confide.core.digest import commitment, same, sha384_hex
from confide.core.errors import BlockDigestMismatch, CommitmentMismatch, DataError, RemoteProtocolError
from confide.data.blocks import Block
from confide.data.manifest import Manifest
from confide.data.ordered_pool import map_in_order
from confide.enclave.storage.arrivals import Arrivals
from confide.enclave.storage.kept_blocks import KeptBlocks
from confide.enclave.storage.plan import Plan
from confide.enclave.storage.spool import SpoolFolder
from confide.enclave.storage.store import StoredBlocks


@dataclass(slots=True)
class Shelf:
    """What one party has sent."""

    manifest: Manifest
    blocks: KeptBlocks = field(default_factory=KeptBlocks, repr=False)
    """Those that have come and matched; complete once `settle` has returned."""
    mismatched: list[int] = field(default_factory=list)
    """Indices of blocks that came and did not match, as often as they came."""
    stored: StoredBlocks | None = None
    """Where they are kept for an enclave that may take this one's place."""
    salt: bytes = field(default=b"", repr=False)
    """Of the commitment."""

    @property
    def missing(self) -> tuple[int, ...]:
        """Blocks that have not come, or did not match the manifest."""
        return tuple(index for index in range(len(self.manifest.blocks)) if index not in self.blocks)

    def recover(self) -> None:
        """Take up what an earlier enclave has stored, as far as it is there and matches."""
        if self.stored is None:
            return
        indices = range(len(self.manifest.blocks))
        for index, block in zip(indices, map_in_order(self._recovered, indices), strict=True):
            if block is not None:
                self.blocks[index] = block

    def _recovered(self, index: int) -> bytes | None:
        block = self.stored.get(index) if self.stored is not None else None
        matches = block is not None and same(self.manifest.blocks[index].sha384, sha384_hex(block))
        return block if matches else None

    def keep(self, index: int, block: Block, digest: str) -> None:
        """Keep a block whose digest is that of the manifest, also for a next enclave; forget another."""
        if same(self.manifest.blocks[index].sha384, digest):
            if self.stored is not None:
                self.stored.put(index, block)
            self.blocks[index] = block
        else:
            self.mismatched.append(index)


class Shelves(Mapping[str, Shelf]):
    """What all parties of a round have sent, and how it is to be worked on."""

    def __init__(
        self,
        shelves: Mapping[str, Shelf],
        shard_rows: int | None = None,
        spools: SpoolFolder | None = None,
        arrived: Callable[[int], bool] | None = None,
    ) -> None:
        self._shelves = shelves
        self.arrived = arrived
        """Where the work begins before all blocks have come: whether this one has, from every party."""
        self.shard_rows = shard_rows
        """Of the encoded rows, so many fit into memory at a time; None: all."""
        self.spools = spools

    def __getitem__(self, party: str) -> Shelf:
        return self._shelves[party]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shelves)

    def __len__(self) -> int:
        return len(self._shelves)


class Vault:
    """Opened datasets by party. Holds nothing that was not committed to."""

    def __init__(self, spools: SpoolFolder | None = None) -> None:
        """`spools`: where blocks go that do not fit into the memory."""
        self._spools = spools
        self._plan: Plan | None = None
        self._shelves: dict[str, Shelf] = {}
        self._arrivals: Arrivals[tuple[str, int]] = Arrivals(self._keep)

    def open(self, party: str, promised: str, salt: bytes, manifest: bytes) -> Manifest:
        """Open a commitment: H(D) must be the H(D^N) of the block.

        Raises:
            CommitmentMismatch: another dataset than the party committed to.
            DatasetCorrupt: the manifest that was committed to is not valid.
        """
        if not same(promised, commitment(salt, manifest)):
            raise CommitmentMismatch(f"{party} sent another dataset than it had committed to", blame=party)
        try:
            opened = Manifest.decode(manifest)
        except DataError as cause:
            cause.blame = party
            raise
        self._shelves[party] = Shelf(opened, salt=salt)
        return opened

    def keep(self, party: str, stored: StoredBlocks) -> None:
        """Where a party's blocks are kept for an enclave that may take this one's place."""
        self._shelves[party].stored = stored

    def store(self, party: str, index: int, block: Block) -> None:
        """Keep a block if it is what the manifest lists; a block that is not stays missing.

        Raises:
            RemoteProtocolError: no such block, or one that has already come.
            BlockDigestMismatch: more than MAX_BLOCK_MISMATCHES blocks of this party did not match.
        """
        shelf = self._shelves[party]
        if (party, index) in self._arrivals:
            self._arrivals.settle()
        if index >= len(shelf.manifest.blocks) or index in shelf.blocks:
            raise RemoteProtocolError(f"{party} sent block {index}, which was not asked for", blame=party)
        entry = shelf.manifest.blocks[index]
        if len(block) == entry.bytes:
            self._arrivals.put((party, index), block)
        else:
            shelf.mismatched.append(index)
        if len(shelf.mismatched) > limits.MAX_BLOCK_MISMATCHES:
            raise self._too_many(party, shelf)

    def _keep(self, whose: tuple[str, int], block: Block, digest: str) -> None:
        party, index = whose
        self._shelves[party].keep(index, block, digest)

    def follow(self, plan: Plan) -> None:
        """How the round's data will be worked on: decided when all have opened, before any block comes."""
        self._plan = plan
        for shelf in self._shelves.values():
            if plan.shard_rows is not None and self._spools is not None:
                shelf.blocks.spill(self._spools.spool())
            shelf.recover()

    def missing(self, party: str) -> tuple[int, ...]:
        """Blocks still to be sent (again) by this party."""
        return self.shelf(party).missing

    def complaint(self, party: str) -> BlockDigestMismatch:
        """The error that names party, block and rows of the first block that never matched."""
        shelf = self.shelf(party)
        named = _named(shelf.manifest, shelf.missing[0])
        text = f"{named} of {party} did not match its digest {limits.MAX_RETRIES + 1} times"
        return BlockDigestMismatch(text, blame=party)

    def _too_many(self, party: str, shelf: Shelf) -> BlockDigestMismatch:
        named = _named(shelf.manifest, shelf.mismatched[-1])
        text = (
            f"{len(shelf.mismatched)} blocks of {party} did not match their digests; the last one was {named}"
        )
        return BlockDigestMismatch(text, blame=party)

    @property
    def manifests(self) -> dict[str, Manifest]:
        """Of the parties that have opened their commitment."""
        return {party: shelf.manifest for party, shelf in self._shelves.items()}

    def shelf(self, party: str) -> Shelf:
        """A party's manifest and blocks."""
        self._arrivals.settle()
        return self._shelves[party]

    def shelves(self, parties: Iterable[str], arrived: Callable[[int], bool] | None = None) -> Shelves:
        """Of all these parties, with the plan that was followed; `arrived`: see Shelves."""
        shard_rows = None if self._plan is None else self._plan.shard_rows
        return Shelves({party: self.shelf(party) for party in parties}, shard_rows, self._spools, arrived)

    @property
    def starts_early(self) -> bool:
        """Whether the plan is to begin the work before all blocks have come."""
        return self._plan is not None and self._plan.starts_early

    def has(self, index: int) -> bool:
        """Whether this block has come from every party, and matched."""
        lacking = [party for party, shelf in self._shelves.items() if index not in shelf.blocks]
        if any((party, index) not in self._arrivals for party in lacking):
            return False
        if lacking:
            self._arrivals.settle()
        return all(index in self._shelves[party].blocks for party in lacking)

    def wipe(self) -> None:
        """Drop everything. Python can't overwrite immutable bytes: the process ends with the task."""
        self._arrivals.drop()
        self._shelves.clear()
        self._plan = None
        if self._spools is not None:
            self._spools.close()


def _named(manifest: Manifest, index: int) -> str:
    first = sum(entry.rows for entry in manifest.blocks[:index])
    return f"block {index} (rows {first} to {first + manifest.blocks[index].rows - 1})"
