"""What a party's script needs from outside: its data, its decisions, its records."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from confide.core.ports import Clock, Randomness, Signer
from confide.data.manifest import Manifest
from confide.party.checks import CertifiedBy
from confide.protocol.blocks import EnclaveIdentity, SignedBlock, Verify
from confide.protocol.messages import Message, Offer
from confide.protocol.receipts import PrivatePart, ResultStatement, SignedReceipt
from confide.protocol.terms import Consent, Task


class Dataset(Protocol):
    """A prepared dataset (data.dataset.PreparedDataset)."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def manifest_bytes(self) -> bytes:
        """Canonical: what the commitment covers."""
        ...

    def block(self, index: int) -> bytes:
        """Raises DatasetCorrupt, also when it is not what the manifest lists."""
        ...

    def stored_block(self, index: int) -> bytes:
        """The block without its digest made. Raises DatasetCorrupt."""
        ...

    @property
    def id_count(self) -> int: ...

    def id_set_digest(self) -> str:
        """Hexadecimal SHA-384."""
        ...


@dataclass(frozen=True, slots=True)
class Yes:
    """Consent, and the dataset to bring."""

    consent: Consent
    dataset: Dataset


class Decide(Protocol):
    """How a provider decides: by asking a person, or by a policy."""

    def __call__(self, offer: Offer, measurement: str) -> Yes:
        """Raises OfferDeclined with the reason that the initiator is told."""
        ...


class Records(Protocol):
    """Where a party keeps what it must be able to show later."""

    def agreed(self, signed: SignedBlock) -> None: ...

    def result(
        self, statement: ResultStatement, signature: bytes, report: PrivatePart, data: bytes
    ) -> None: ...

    def part(self, offset: int, data: bytes | memoryview) -> None:
        """What has come of a result, from this byte on: kept until the whole is there."""
        ...

    def model(self, sha384: str) -> bytes:
        """The model of a result of this task. Raises JournalInvalid when it is not there any more."""
        ...

    def receipt(self, signed: SignedReceipt) -> None: ...


Align = Callable[[Task, Dataset], Dataset]
"""What of a dataset is uploaded for a task, once all have agreed to it: all, or what both sides have, in the
agreed order. Asked again for the same task, it gives the same. Raises ConfideError."""


def whole(_: Task, dataset: Dataset) -> Dataset:
    """An `Align` of tasks whose rows the enclave brings together."""
    return dataset


Observe = Callable[[Message], None]
"""Called with every message that is worth showing to a person."""


@dataclass(frozen=True, slots=True)
class PartyContext:
    """Who we are, whom we talk to, and our ports."""

    me: str
    certificate_pem: str
    certificate: str
    """Hexadecimal SHA-384 of the DER."""
    signer: Signer
    task_id: str
    enclave: EnclaveIdentity
    """As attested on this very channel."""
    verify: Verify
    certified_by: CertifiedBy
    check_evidence: Callable[[bytes, bytes], None]
    collateral: str
    """JSON; kept with the receipt."""
    clock: Clock
    randomness: Randomness
    records: Records
    observe: Observe
    align: Align = whole
