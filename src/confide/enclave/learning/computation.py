"""The real Work: training or prediction, by the kind of the signed block."""

from collections.abc import Iterator

from confide.algorithms import registry
from confide.core.ports import Clock, Randomness
from confide.enclave.learning import prediction, training
from confide.enclave.storage.checkpoints import Checkpoints
from confide.enclave.storage.vault import Shelves
from confide.enclave.work import Step
from confide.protocol.blocks import SignedBlock, TrainBlock
from confide.protocol.terms import Listed


class Computation:
    """Implements enclave.work.Work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def run(
        self,
        agreement: SignedBlock,
        model: bytes,
        shelves: Shelves,
        randomness: Randomness,
        checkpoints: Checkpoints | None,
    ) -> Iterator[Step]:
        """See enclave.work.Work."""
        if isinstance(agreement.block, TrainBlock):
            yield from training.run(
                agreement, model, shelves, randomness, clock=self._clock, checkpoints=checkpoints
            )
        else:
            yield from prediction.run(agreement, model, shelves, randomness)


def listing() -> tuple[Listed, ...]:
    """The algorithms inside the measured image, as the enclave lists them."""
    return tuple(
        Listed(name=entry.name, version=entry.version, digest=entry.code_sha384, parameters=entry.parameters)
        for entry in registry.listing()
    )
