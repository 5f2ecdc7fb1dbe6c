"""A round whose rows go to disk ends as one in memory does."""

import functools

import numpy as np
import pyarrow.csv
import pytest
from fakes.outcomes import completed
from fakes.shop import dataset_of, datasets, predict_job, train_job, world
from fakes.spooling import run_out_of_core
from fakes.world import bring, predict_task, train_task

from confide.algorithms import model_file
from confide.core.errors import SpoolFailed
from confide.core.features import Kind
from confide.core.platform_api import TaskKind
from confide.data.schema import IdColumn, IdType, LabelColumn, Schema
from confide.enclave.storage.spool import Spool
from confide.protocol.kinds import Kind as MessageKind
from confide.protocol.terms import Encoding

ROWS = 4_000
JOINED = ROWS * 9 // 10
HELD_OUT = JOINED // 4
PARAMETERS = {"epochs": 3, "embedding_size": 4, "attention_size": 4, "batch_size": 32}
ENCODINGS = {
    "exact": Encoding(),
    "minimum count": Encoding(minimum_count=230),
    "hashed": Encoding(vocabulary="hashed", bits=6),
}


def schema(column, label=None):
    id_column = IdColumn("id", IdType.INTEGER)
    return Schema(id=id_column, label=label and LabelColumn(label), columns={column: Kind.CATEGORICAL})


@functools.cache
def sorted_datasets():
    """The shop's rows stand sorted by label; one in ten has no counterpart. Labels hang on both columns."""
    random = np.random.default_rng(3)
    city, page = random.integers(0, 12, (2, ROWS))
    table = random.standard_normal((12, 12))
    click = random.random(ROWS) < 1 / (1 + np.exp(-2 * table[city, page]))
    order = np.lexsort((np.arange(ROWS), click))
    shop = "".join(f"{row},{int(click[row])},c{city[row]}\n" for row in order)
    media = "".join(f"{row},p{page[row]}\n" for row in random.permutation(ROWS) if row % 10)
    return {
        "shop": dataset_of("id,click,city\n" + shop, schema("city", "click")),
        "media": dataset_of("id,page\n" + media, schema("page")),
    }


def training(parameters=None, **changes):
    data = sorted_datasets()
    job = train_job(dataset=data["shop"], parameters=PARAMETERS | (parameters or {}), **changes)
    return world(job, offered={"media": data["media"]})


def in_memory(**given):
    ran = training(**given)
    ran.run()
    return found(ran)


def out_of_core(folder, shard_rows, **given):
    ran = training(**given)
    run_out_of_core(ran, folder, shard_rows)
    return found(ran)


def found(ran):
    """(model, metrics, curve, receipt's row counts)."""
    completed(ran)
    _, _, report, data = ran.kept["shop"].results[0]
    return (
        model_file.read(data),
        report.metrics,
        report.curve,
        ran.kept["media"].receipts[0].receipt.rounds[0].rows,
    )


def same_arrays(one, other):
    return all(np.array_equal(one.arrays[name], other.arrays[name]) for name in one.arrays)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_with_one_shard_the_model_is_the_same_to_the_bit(tmp_path, encoding):
    given = {"encoding": ENCODINGS[encoding]}
    here, there = in_memory(**given), out_of_core(tmp_path, ROWS, **given)
    assert same_arrays(here[0], there[0])
    assert here[0].encoding == there[0].encoding
    assert here[1:] == there[1:]
    assert set(here[1]) == {"joint", "initiator"}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_with_many_shards_the_quality_is_within_the_noise_of_seeds(tmp_path, encoding):
    """Only a shard that is a sample of all rows can teach: cut as they come, most have one label only."""
    given = {"encoding": ENCODINGS[encoding]}
    _, spooled, curve, counts = out_of_core(tmp_path, 320, **given)
    seeds = [in_memory(parameters={"seed": seed}, **given) for seed in range(4)]
    assert counts == seeds[0][3]
    assert len(curve) == PARAMETERS["epochs"]
    for which in ("joint", "initiator"):
        assert spooled[which]["rows_held_out"] == seeds[0][1][which]["rows_held_out"] == HELD_OUT
        assert spooled[which]["label_mean"] == pytest.approx(seeds[0][1][which]["label_mean"], abs=1e-7)
        for metric, floor in (("logloss", 0.01), ("auc", 0.005)):
            values = [metrics[which][metric] for _, metrics, _, _ in seeds]
            noise = max(floor, 3 * np.std(values))
            assert abs(spooled[which][metric] - np.mean(values)) < noise, (which, metric, values)


def test_patience_stops_out_of_core_too(tmp_path):
    given = {"epochs": 40, "patience": 1, "learning_rate": 1.0}
    _, _, here, _ = in_memory(parameters=given)
    model, metrics, curve, _ = out_of_core(tmp_path, 320, parameters=given)
    assert max(len(here), len(curve)) < 40
    best = min(point["holdout_logloss"] for point in curve)
    assert metrics["joint"]["logloss"] == pytest.approx(best, rel=1e-6)
    assert model.metrics == metrics["joint"]


def test_progress_says_that_rows_go_to_disk(tmp_path):
    ran = training()
    run_out_of_core(ran, tmp_path, 320)
    stages = [said.stage for said in ran.kept["media"].seen if said.kind is MessageKind.PROGRESS]
    assert {"read columns for the disk", "spool to disk"} < set(stages)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shard_rows", [ROWS, 300])
def test_predictions_are_the_same(tmp_path, shard_rows):
    data = datasets(ROWS)
    trained = world(train_job(dataset=data["shop"], baselines=()), offered={"media": data["media"]})
    trained.run()
    job = predict_job(predict_task(train_task(baselines=())), brought=bring(trained), dataset=data["shop"])
    tables = []
    for way in ("in memory", "out of core"):
        ran = world(job, offered={"media": data["media"]}, kind=TaskKind.PREDICT)
        ran.run() if way == "in memory" else run_out_of_core(ran, tmp_path, shard_rows)
        completed(ran)
        tables.append(pyarrow.csv.read_csv(pyarrow.BufferReader(ran.kept["shop"].results[0][3])))
    assert tables[0].equals(tables[1])
    assert tables[0].num_rows == ROWS


def test_a_disk_that_alters_a_record_ends_the_task(tmp_path, monkeypatch):
    honest = Spool.put

    def altered(spool, purpose, data):
        record = honest(spool, purpose, data)
        if purpose == "piece":
            spool._file.seek(record.start)
            spool._file.write(b"altered by the host")
        return record

    monkeypatch.setattr(Spool, "put", altered)
    ran = training()
    run_out_of_core(ran, tmp_path, 320)
    assert {type(error) for error in ran.errors.values()} == {SpoolFailed}
    assert set(ran.errors) == {"enclave", "shop", "media"}
