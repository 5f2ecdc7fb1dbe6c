import msgspec
import pytest
from fakes.shop import datasets
from fakes.world import predict_task, train_task

from confide.core import limits
from confide.core.errors import LimitExceeded
from confide.core.features import Feature, Kind
from confide.enclave.storage.forecast import PROCESS_BYTES, forecast
from confide.enclave.storage.plan import choose
from confide.protocol.evaluation import Evaluation
from confide.protocol.terms import Algorithm, Encoding, Intersection

MILLION, GIB = 1_000_000, 1 << 30
FIELDS = 39
PARAMETERS = {"batch_size": 1024}


def algorithm(name="afm", **parameters):
    return Algorithm(name=name, version="1", digest="0" * 96, parameters=PARAMETERS | parameters)


def task(fields=FIELDS):
    features = {
        "shop": tuple(Feature(name=f"s{at}", kind=Kind.CATEGORICAL) for at in range(fields // 2)),
        "media": tuple(Feature(name=f"m{at}", kind=Kind.CATEGORICAL) for at in range(fields - fields // 2)),
    }
    return train_task(features=features, encoding=Encoding(vocabulary="hashed", bits=12), baselines=())


def manifests(rows, block_bytes=1_000_000):
    """As if the small datasets had so many rows, in blocks of the usual size."""
    entry = datasets()["shop"].manifest.blocks[0]
    full = msgspec.structs.replace(entry, rows=limits.BLOCK_ROWS, bytes=block_bytes)
    blocks = [full] * (rows // full.rows)
    if rows % full.rows:
        blocks.append(msgspec.structs.replace(full, rows=rows % full.rows))
    return {
        name: msgspec.structs.replace(
            datasets()[name].manifest,
            rows=rows,
            blocks=tuple(blocks),
            source=msgspec.structs.replace(datasets()[name].manifest.source, rows=rows),
        )
        for name in ("shop", "media")
    }


def chosen(rows, limit, **given):
    given = {"task": task(), "algorithm": algorithm(), "can_spool": True} | given
    return choose(given.pop("task"), given.pop("algorithm"), manifests(rows), limit=limit, **given)


def test_what_fits_stays_in_memory():
    needed = forecast(task(), algorithm(), manifests(10 * MILLION))
    for limit in (None, needed.peak):
        plan = chosen(10 * MILLION, limit)
        assert (plan.shard_rows, plan.forecast) == (None, needed)


def ordered_task(**changes):
    return msgspec.structs.replace(task(), alignment=Intersection(), **changes)


def test_in_an_agreed_order_work_begins_early_where_that_fits_too():
    """Blocks, rows, model and ids are in memory together then: more than where one follows the other."""
    early = chosen(10 * MILLION, None, task=ordered_task())
    later = forecast(ordered_task(), algorithm(), manifests(10 * MILLION))
    assert early.starts_early
    assert early.shard_rows is None
    assert early.forecast.peak > later.peak
    assert chosen(10 * MILLION, early.forecast.peak, task=ordered_task()) == early
    tight = chosen(10 * MILLION, later.peak, task=ordered_task())
    assert (tight.starts_early, tight.shard_rows) == (False, None)


def test_out_of_core_work_begins_early_too_and_its_shards_are_whole_blocks():
    plan = chosen(10 * MILLION, 2 * GIB, task=ordered_task())
    assert plan.starts_early
    assert plan.shard_rows >= limits.BLOCK_ROWS
    early = plan.forecast.peak
    assert early <= 2 * GIB
    later = chosen(10 * MILLION, early - 1, task=ordered_task())
    assert not later.starts_early
    assert later.shard_rows == plan.shard_rows
    assert later.forecast.peak < early


@pytest.mark.parametrize(
    "changes",
    [
        {"alignment": "enclave"},
        {"alignment": Intersection(membership="initiator")},
        {"encoding": Encoding()},
        {"evaluation": Evaluation(keep_negatives=0.5, validation=0.1)},
        {"evaluation": Evaluation(positive_weight=2)},
    ],
)
def test_what_needs_all_rows_waits_for_them(changes):
    assert not chosen(MILLION, None, task=msgspec.structs.replace(ordered_task(), **changes)).starts_early


def test_what_does_not_fit_goes_to_disk_in_shards_that_fit():
    plan = chosen(20 * MILLION, 3 * GIB)
    assert forecast(task(), algorithm(), manifests(20 * MILLION)).peak > 3 * GIB
    assert plan.forecast.peak <= 3 * GIB
    assert list(plan.forecast.stages) == [
        f"{stage} out of core" for stage in ("join", "columns", "spool", "train", "deliver")
    ]
    assert limits.MIN_SHARD_ROWS < plan.shard_rows < 20 * MILLION
    assert plan.shard_rows % PARAMETERS["batch_size"] == 0
    assert plan.forecast.stages["train out of core"] > 2 * GIB


def test_more_memory_gives_larger_shards():
    few, many = (chosen(20 * MILLION, limit).shard_rows for limit in (3 * GIB, 4 * GIB))
    assert many - few == pytest.approx(0.8 * GIB / (FIELDS * 9 + 16), rel=0.01)


def test_a_prediction_goes_to_disk_too():
    plan = chosen(20 * MILLION, 3 * GIB, task=predict_task(task()), model_bytes=limits.MIB)
    assert plan.shard_rows
    assert list(plan.forecast.stages)[-1] == "predict out of core"


def test_what_fits_neither_way_is_refused_with_the_numbers():
    with pytest.raises(LimitExceeded, match=r"20000000 rows of 39 fields .*join out of core .*--memory"):
        chosen(20 * MILLION, PROCESS_BYTES + 100 * limits.MIB)
    with pytest.raises(LimitExceeded, match=r"need 8\.\d GiB: .*encode 8\.\d GiB") as caught:
        chosen(20 * MILLION, 3 * GIB, can_spool=False)
    assert "out of core" not in str(caught.value)


def test_shards_are_never_too_many_or_too_small(monkeypatch):
    monkeypatch.setattr(limits, "MAX_SHARDS", 4)
    with pytest.raises(LimitExceeded, match="train out of core"):
        chosen(20 * MILLION, 2 * GIB)
    monkeypatch.setattr(limits, "MAX_SHARDS", 1024)
    monkeypatch.setattr(limits, "MIN_SHARD_ROWS", 10 * MILLION)
    with pytest.raises(LimitExceeded, match="train out of core"):
        chosen(20 * MILLION, 2 * GIB)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_pairs_of_thousands_of_fields_are_counted(precision):
    """AFM holds a number for each pair and lane: with many fields that is more than all rows."""
    few, many = (
        forecast(task(fields), algorithm(precision=precision), manifests(1000)) for fields in (500, 4000)
    )
    pairs = 4000 * 3999 // 2
    assert many.stages["train"] - few.stages["train"] > pairs * 4 * 16
    for name in ("fm", "linear"):
        found = forecast(task(4000), algorithm(name, precision=precision), manifests(1000))
        assert found.stages["train"] < many.stages["train"] / 2
