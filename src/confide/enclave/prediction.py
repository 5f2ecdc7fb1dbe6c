"""Task two inside the enclave: join, encode with the model's own encoding, score."""

from collections.abc import Iterator, Mapping

from confide.algorithms.model import Model
from confide.core.errors import ModelFileInvalid, ModelNotUsable
from confide.core.ports import Randomness
from confide.data.predictions import predictions_csv
from confide.enclave.opened import fields_of, open_shelves
from confide.enclave.round import Outcome
from confide.enclave.training import SALT_BYTES
from confide.enclave.vault import Shelf
from confide.enclave.work import Step
from confide.protocol.blocks import SignedBlock
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
    ids = opened.tables[task.initiator].column(task.id.name).take(chosen)
    data = predictions_csv(task.id.name, ids, scores)
    yield Step(outcome=Outcome(data=data, rows=opened.counts, report=report))
