"""Task two inside the enclave: join, encode with the model's own encoding, score."""

import io
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from confide.algorithms import model_file
from confide.algorithms.scoring import Scorer
from confide.core.errors import ConfideError, ModelNotUsable
from confide.core.ports import Randomness
from confide.data.encoding import FeatureEncoder
from confide.enclave.opened import Opened, fields_of, open_shelves
from confide.enclave.round import Outcome
from confide.enclave.training import SALT_BYTES
from confide.enclave.vault import Shelf
from confide.enclave.work import Step
from confide.protocol.blocks import SignedBlock
from confide.protocol.receipts import PrivatePart

PROBABILITY = "probability"


def run(
    signed: SignedBlock, model: bytes, shelves: Mapping[str, Shelf], randomness: Randomness
) -> Iterator[Step]:
    """See enclave.work.Work."""
    task = signed.block.task
    yield Step(stage="join", done=0, total=1)
    opened = open_shelves(task, shelves)
    yield Step(stage="join", done=1, total=1)
    scorer, encoder = _open_model(model)
    encoded = encoder.encode(opened.columns(fields_of(task, task.participants)))
    scores = scorer.score(encoded.indices, encoded.values)
    yield Step(stage="predict", done=1, total=1)
    report = PrivatePart(salt=randomness.bytes(SALT_BYTES), metrics={"rows_predicted": len(scores)}, curve=())
    data = predictions_csv(opened, task.initiator, task.id.name, scores)
    yield Step(outcome=Outcome(data=data, rows=opened.counts, report=report))


def _open_model(model: bytes) -> tuple[Scorer, FeatureEncoder]:
    try:
        opened = model_file.read(model)
        return Scorer(opened), FeatureEncoder.from_document(opened.encoding)
    except ConfideError as cause:
        raise ModelNotUsable(f"the model can't be opened: {cause.message}") from None


def predictions_csv(opened: Opened, initiator: str, id_name: str, scores: npt.NDArray[np.float32]) -> bytes:
    """CSV with the initiator's id and the probability, in the initiator's row order."""
    ids = opened.tables[initiator].column(id_name).take(opened.alignment.rows[initiator])
    table = pa.table({id_name: ids, PROBABILITY: pa.array(scores)})
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table, sink)
    return sink.getvalue()
