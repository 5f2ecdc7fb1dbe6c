import msgspec
import pytest
from fakes.shop import datasets
from fakes.world import predict_task, train_task

from confide.core import limits
from confide.core.errors import LimitExceeded
from confide.enclave.storage.forecast import PROCESS_BYTES, forecast, working_bytes
from confide.protocol.evaluation import Evaluation
from confide.protocol.terms import Algorithm, Encoding

MILLION = 1_000_000


def algorithm(**parameters):
    return Algorithm(name="afm", version="1", digest="0" * 96, parameters=parameters)


def manifests(rows):
    """As if the small datasets had so many rows, in blocks of their size."""
    return {
        name: msgspec.structs.replace(
            dataset.manifest,
            rows=rows,
            blocks=tuple(msgspec.structs.replace(entry, rows=rows // 3) for entry in dataset.manifest.blocks),
            source=msgspec.structs.replace(dataset.manifest.source, rows=rows),
        )
        for name, dataset in datasets().items()
        if name != "maps"
    }


def test_every_stage_is_told_and_the_greatest_is_the_peak():
    found = forecast(train_task(), algorithm(), manifests(3 * MILLION))
    assert (found.rows, found.fields) == (3 * MILLION, 2)
    assert list(found.stages) == ["join", "encode", "train", "encode again", "deliver"]
    assert found.peak == max(found.stages.values()) > PROCESS_BYTES + 3 * MILLION * 2 * 8


def test_more_rows_or_a_greater_model_need_more():
    few, many = (forecast(train_task(), algorithm(), manifests(rows)) for rows in (3 * MILLION, 6 * MILLION))
    assert all(many.stages[stage] > few.stages[stage] for stage in ("join", "encode", "train"))
    hashed = train_task(encoding=Encoding(vocabulary="hashed", bits=20))
    small, large = (
        forecast(hashed, algorithm(embedding_size=size), manifests(3 * MILLION)) for size in (8, 64)
    )
    scratch = working_bytes(algorithm(embedding_size=64), 2) - working_bytes(algorithm(), 2)
    more = large.stages["train"] - small.stages["train"]
    assert more == 2 * (64 - 8) * 4 * 2 * (2**20 + 1) + scratch


def test_blocks_are_let_go_before_the_last_training():
    manifest = manifests(3 * MILLION)
    blocks = sum(entry.bytes for one in manifest.values() for entry in one.blocks)
    kept, let_go = (
        forecast(train_task(baselines=baselines), algorithm(), manifest) for baselines in (("initiator",), ())
    )
    assert kept.stages["train"] - let_go.stages["train"] == blocks


def test_folds_are_encoded_beside_the_joint_model_in_an_order_of_their_own():
    plain = forecast(train_task(baselines=()), algorithm(), manifests(3 * MILLION))
    assert "encode again" not in plain.stages
    folded = train_task(baselines=(), evaluation=Evaluation(cross_validation=2))
    found = forecast(folded, algorithm(), manifests(3 * MILLION)).stages
    assert found["encode again"] - found["encode"] > 3 * MILLION * (2 * 8 + 4 + 8)


def test_a_prediction_counts_its_model():
    task = predict_task(train_task())
    small, large = (
        forecast(task, algorithm(), manifests(3 * MILLION), model_bytes=size) for size in (0, limits.MIB)
    )
    assert list(large.stages) == ["join", "encode", "predict"]
    assert large.stages["predict"] - small.stages["predict"] == 3 * limits.MIB


def test_refused_with_the_numbers():
    found = forecast(train_task(), algorithm(), manifests(30 * MILLION))
    found.check(None)
    found.check(found.peak)
    with pytest.raises(LimitExceeded, match=r"30000000 rows of 2 fields .*join .* GiB.*--memory") as caught:
        found.check(found.peak - 1)
    assert caught.value.blame is None
