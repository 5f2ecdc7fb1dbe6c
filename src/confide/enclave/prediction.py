"""Task two inside the enclave: join, encode with the model's own encoding, score."""

from collections.abc import Iterator, Mapping

from confide.algorithms.model import Model
from confide.core.digest import same
from confide.core.errors import CommitmentMismatch, ModelFileInvalid, ModelNotUsable
from confide.core.ports import Randomness
from confide.data.ids import id_set_digest
from confide.data.predictions import encode_predictions
from confide.enclave.opened import Opened, fields_of, open_shelves
from confide.enclave.round import Outcome
from confide.enclave.training import SALT_BYTES
from confide.enclave.vault import Shelf
from confide.enclave.work import Step
from confide.protocol.blocks import PredictBlock, SignedBlock
from confide.protocol.receipts import PrivatePart


def run(
    signed: SignedBlock, model: bytes, shelves: Mapping[str, Shelf], randomness: Randomness
) -> Iterator[Step]:
    """See enclave.work.Work."""
    task = signed.block.task
    yield Step(stage="join", done=0, total=1)
    opened = open_shelves(task, shelves)
    _check_ids(signed, opened)
    yield Step(stage="join", done=1, total=1)
    try:
        opened_model = Model.read(model)
    except ModelFileInvalid as cause:
        raise ModelNotUsable(f"the model can't be opened: {cause.message}") from None
    scores = opened_model.predict(opened.columns(fields_of(task, task.participants)))
    yield Step(stage="predict", done=1, total=1)
    report = PrivatePart(salt=randomness.bytes(SALT_BYTES), metrics={"rows_predicted": len(scores)}, curve=())
    chosen = opened.alignment.rows[task.initiator]
    ids = opened.sources[task.initiator].column(task.id.name).take(chosen)
    parquet = task.predictions_format == "parquet"
    data = encode_predictions(task.id.name, ids, scores, parquet=parquet)
    yield Step(outcome=Outcome(data=data, rows=opened.counts, report=report))


def _check_ids(signed: SignedBlock, opened: Opened) -> None:
    """The id set that each party announced is that of the rows it sent: until now it was only its word."""
    task = signed.block.task
    agreed = signed.block.id_set if isinstance(signed.block, PredictBlock) else ""
    for party in task.participants:
        if not same(id_set_digest(opened.sources[party].column(task.id.name)), agreed):
            raise CommitmentMismatch(f"{party} sent other ids than it had announced", blame=party)
