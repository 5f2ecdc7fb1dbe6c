"""A finished task, made once by the roles in one process, as files that a party would hold."""

from pathlib import Path

import pytest
from fakes.aligning import aligning, toy_data
from fakes.ports import FakeClock
from fakes.toy_datasets import toy_datasets
from fakes.world import (
    PARAMETERS,
    Authority,
    World,
    predict_task,
    train_task,
)

from confide.app.records import TaskFolder
from confide.core.platform_api import TaskKind
from confide.party.initiator import Job


@pytest.fixture(scope="session")
def world_authority():
    """Of the roles in one process, with their TEE."""
    return Authority()


@pytest.fixture(scope="session")
def datasets(tmp_path_factory):
    return toy_datasets(tmp_path_factory.mktemp("data"), {"shop": ["city"], "media": ["page"]})


@pytest.fixture(scope="session")
def finished(world_authority, datasets):
    """A World after a training and a prediction in one enclave."""
    jobs = [
        Job(train_task(), "afm", PARAMETERS, datasets["shop"]),
        Job(predict_task(train_task()), "afm", PARAMETERS, datasets["shop"]),
    ]
    world = World(world_authority, jobs, {"media": dict.fromkeys(TaskKind, datasets["media"])})
    world.run()
    assert world.errors == {}
    return world


@pytest.fixture(scope="session")
def kept(finished, tmp_path_factory) -> Path:
    """What the initiator's folder holds after that task."""
    folder = TaskFolder(tmp_path_factory.mktemp("tasks") / "task", FakeClock())
    records = finished.kept["shop"]
    for signed in records.agreements:
        folder.agreed(signed)
    for result in records.results:
        folder.result(*result)
    folder.receipt(records.receipts[0])
    return folder.folder


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """The dataset of each party that looks for common rows."""
    return toy_data(tmp_path_factory.mktemp)


@pytest.fixture
def sides(authority, tmp_path):
    """Makes the parties that look for them, at one host."""
    with aligning(authority, tmp_path) as make:
        yield make
