"""All roles together over the fake wire: the undisturbed run, and the simple error rows of the protocol."""

import io

import pyarrow.parquet
import pytest
from fakes.toy_datasets import toy_datasets
from fakes.world import PARAMETERS, Authority, World, bring, predict_task, train_task

from confide.algorithms.model_file import read
from confide.core.digest import digest_of
from confide.core.platform_api import TaskKind
from confide.party.initiator import Job
from confide.protocol.table import State
from confide.protocol.terms import Encoding


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    parties = {"shop": ["city"], "media": ["page"], "maps": ["page"]}
    return toy_datasets(tmp_path_factory.mktemp("data"), parties)


def offered(data, *names):
    return {name: dict.fromkeys(TaskKind, data[name]) for name in names}


def train_job(data, **changes):
    return Job(train_task(**changes), "afm", PARAMETERS, data["shop"])


def test_train_and_predict_in_one_enclave(authority, data):
    jobs = [train_job(data), Job(predict_task(train_task()), "afm", PARAMETERS, data["shop"])]
    world = World(authority, jobs, offered(data, "media"))
    world.run()
    assert world.errors == {}
    assert world.enclave.closed
    shop, media = world.kept["shop"], world.kept["media"]
    assert [result[0].kind for result in shop.results] == ["model", "predictions"]
    assert media.results == []
    assert len(shop.agreements) == len(media.agreements) == 2
    assert digest_of(shop.receipts[0].receipt) == digest_of(media.receipts[0].receipt)
    assert media.receipts[0].private == ()
    assert {end.session.state for end in world.ends.values()} == {State.CLOSED}
    assert shop.results[1][3].count(b"\n") == 257


def test_two_providers(authority, data):
    world = World(authority, [train_job(data, providers=("media", "maps"))], offered(data, "media", "maps"))
    world.run()
    assert world.errors == {}
    rows = world.kept["maps"].receipts[0].receipt.rounds[0].rows
    assert {party: counts.joined for party, counts in rows.items()} == {
        "shop": 256,
        "media": 256,
        "maps": 256,
    }


def test_predict_in_a_fresh_enclave_with_a_brought_model(authority, data):
    first = World(authority, [train_job(data)], offered(data, "media"))
    first.run()
    job = Job(predict_task(train_task()), "afm", PARAMETERS, data["shop"], bring(first))
    second = World(authority, [job], offered(data, "media"), kind=TaskKind.PREDICT)
    second.run()
    assert second.errors == {}
    assert second.kept["shop"].results[0][0].kind == "predictions"


def test_predictions_come_as_the_task_asks(authority, data):
    after = predict_task(train_task(), predictions_format="parquet")
    jobs = [train_job(data), Job(after, "afm", PARAMETERS, data["shop"])]
    world = World(authority, jobs, offered(data, "media"))
    world.run()
    table = pyarrow.parquet.read_table(io.BytesIO(world.kept["shop"].results[1][3]))
    assert table.column_names == ["id", "probability"]
    assert table.num_rows == 256


def test_rare_categories_fold_into_one_as_the_task_says(authority, data):
    """Seven categories of about 27 training rows each: with a cut above that, each column keeps one index."""
    sizes = []
    for minimum in (1, 200):
        task = train_task(encoding=Encoding(minimum_count=minimum))
        world = World(authority, [Job(task, "afm", PARAMETERS, data["shop"])], offered(data, "media"))
        world.run()
        sizes.append(len(read(world.kept["shop"].results[0][3]).arrays["linear"]))
    assert sizes == [16, 2]
