"""What is left of every sample goes through upload, training and prediction, with a party whose rows are
sound.
"""

import math

import pytest
from bad_input.all_samples import SAMPLES
from bad_input.outcome import prepared
from fakes.shop import authority
from fakes.world import World, predict_task, train_task

from confide.core.errors import TaskEnded
from confide.core.features import Feature, Kind
from confide.core.platform_api import TaskKind
from confide.data.dataset import PreparedDataset
from confide.data.prepare import prepare
from confide.data.schema import IdColumn as DataId
from confide.data.schema import IdType as DataIdType
from confide.data.schema import Schema
from confide.party.initiator import Job
from confide.protocol.terms import IdColumn, IdType

STRANGERS = 3
"""Rows of the provider that the initiator does not have."""
PARAMETERS = {"afm": {"epochs": 1, "embedding_size": 2, "attention_size": 2}, "linear": {"epochs": 1}}
TOO_FEW_TO_TRAIN = {"one-row"}


def provided(ids, kind, folder, strangers):
    """A sound dataset with these ids, in another order."""
    schema = Schema(id=DataId("id", DataIdType(kind)), columns={"page": Kind.CATEGORICAL})
    others = [f"stranger{i}" if kind == "string" else str(10**9 + i) for i in range(strangers)]
    quoted = ('"{}"'.format(str(one).replace('"', '""')) for one in [*reversed(ids), *others])
    source = folder.with_suffix(".csv")
    source.write_text("id,page\n" + "".join(f"{one},p{at % 5}\n" for at, one in enumerate(quoted)))
    prepare(source, schema, folder)
    return PreparedDataset.open(folder)


def run(sample, dataset, folder, algorithm):
    ids = dataset.column("id").to_pylist()
    for_training = provided(ids[1:] or ids, sample.ids, folder / "train", STRANGERS)
    for_prediction = provided(ids, sample.ids, folder / "predict", 0)
    features = {
        "shop": (Feature(name="city", kind=Kind.CATEGORICAL), Feature(name="price", kind=Kind.NUMERIC)),
        "media": (Feature(name="page", kind=Kind.CATEGORICAL),),
    }
    task = train_task(
        id=IdColumn(name="id", type=IdType(sample.ids)), features=features, maximum_quarantined_share=1.0
    )
    jobs = [Job(each, algorithm, PARAMETERS[algorithm], dataset) for each in (task, predict_task(task))]
    datasets = {"media": {TaskKind.TRAIN: for_training, TaskKind.PREDICT: for_prediction}}
    world = World(authority(), jobs, datasets)
    world.run()
    return world


@pytest.mark.parametrize(
    "sample", [sample for sample in SAMPLES if sample.usable], ids=lambda sample: sample.name
)
def test_trained_and_predicted(sample, tmp_path):
    outcome = prepared(sample, tmp_path)
    algorithm = sorted(PARAMETERS)[len(sample.name) % 2]
    world = run(sample, PreparedDataset.open(outcome.folder), tmp_path, algorithm)
    if sample.name in TOO_FEW_TO_TRAIN:
        assert {type(error).__mro__[1] for error in world.errors.values()} == {TaskEnded}
        return
    assert world.errors == {}
    training, prediction = world.kept["shop"].receipts[0].receipt.rounds
    for rows in (*training.rows.values(), *prediction.rows.values()):
        assert rows.source == rows.sent + rows.quarantined_while_preparing
        assert rows.sent == rows.joined + rows.unmatched + rows.quarantined
    ours, kept = outcome.manifest, outcome.manifest.rows
    told = training.rows["shop"]
    assert (told.source, told.quarantined_while_preparing) == (ours.source.rows, ours.quarantined_rows)
    assert (told.sent, told.joined, told.unmatched, told.quarantined) == (kept, kept - 1, 1, 0)
    assert training.rows["media"].unmatched == STRANGERS
    predictions = world.kept["shop"].results[1][3].decode().splitlines()[1:]
    chances = [float(line.rpartition(",")[2]) for line in predictions if "," in line]
    assert len(chances) == kept
    assert all(math.isfinite(chance) and 0 <= chance <= 1 for chance in chances)
