"""Task two inside the enclave: join, encode with the model's own encoding, score."""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from confide.algorithms.model import Model
from confide.core.digest import same
from confide.core.errors import CommitmentMismatch, ModelFileInvalid, ModelNotUsable
from confide.core.ports import Randomness
from confide.data.columns import Columns
from confide.data.ids import id_set_digest
from confide.data.predictions import encode_predictions
from confide.data.spreading import Layout
from confide.enclave.learning.statistics import Teller
from confide.enclave.learning.training import SALT_BYTES
from confide.enclave.rows.opened import Opened, fields_of, open_shelves
from confide.enclave.rows.out_of_core import ShardRoom, spread
from confide.enclave.storage.vault import Shelves
from confide.enclave.work import Outcome, Step
from confide.protocol.blocks import PredictBlock, SignedBlock
from confide.protocol.receipts import PrivatePart
from confide.protocol.statistics import Statistics


def run(signed: SignedBlock, model: bytes, shelves: Shelves, randomness: Randomness) -> Iterator[Step]:
    """See enclave.work.Work."""
    task = signed.block.task
    yield Step(stage="join", done=0, total=1)
    opened = open_shelves(task, shelves, signed.block.id_set)
    _check_ids(signed, opened)
    yield Step(stage="join", done=1, total=1)
    try:
        opened_model = Model.read(model)
    except ModelFileInvalid as cause:
        raise ModelNotUsable(f"the model can't be opened: {cause.message}") from None
    metrics: dict[str, Any] = {}
    if isinstance(task.statistics, Statistics):
        teller = Teller(task, task.statistics, opened, shelves)
        metrics["statistics"] = yield from teller.of_prediction(opened_model.references, opened_model.encoder)
    scores = yield from _scores(
        opened_model, opened, opened.columns(fields_of(task, task.participants)), shelves
    )
    metrics["rows_predicted"] = len(scores)
    report = PrivatePart(salt=randomness.bytes(SALT_BYTES), metrics=metrics, curve=())
    chosen = opened.alignment.rows[task.initiator]
    ids = opened.sources[task.initiator].column(task.id.name).take(chosen)
    parquet = task.predictions_format == "parquet"
    data = encode_predictions(task.id.name, ids, scores, parquet=parquet)
    yield Step(outcome=Outcome(data=data, rows=opened.counts, report=report))


def _scores(
    model: Model, opened: Opened, columns: Columns, shelves: Shelves
) -> Generator[Step, None, npt.NDArray[np.float32]]:
    if shelves.shard_rows is None or shelves.spools is None:
        scores = model.predict(columns)
        yield Step(stage="predict", done=1, total=1)
        return scores
    model.encoder.check_fields(columns)
    layout = Layout.of((opened.alignment.size,), shelves.shard_rows)
    pieces = yield from spread(opened, model.encoder, layout, shelves.spools)
    room, scored = ShardRoom(pieces), []
    for shard in range(len(layout.sizes)):
        scored.append(model.scorer.score(*room.load(shard)))
        yield Step(stage="predict", done=shard + 1, total=len(layout.sizes))
    pieces.spool.close()
    return np.concatenate(scored)


def _check_ids(signed: SignedBlock, opened: Opened) -> None:
    """The id set that each party announced is that of the rows it sent: until now it was only its word."""
    task = signed.block.task
    agreed = signed.block.id_set if isinstance(signed.block, PredictBlock) else ""
    for party in task.participants:
        if not same(id_set_digest(opened.sources[party].column(task.id.name)), agreed):
            raise CommitmentMismatch(f"{party} sent other ids than it had announced", blame=party)
