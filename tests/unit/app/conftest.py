"""A finished task, made once by the roles in one process, as files that a party would hold."""

from pathlib import Path

import pytest
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
def authority():
    return Authority()


@pytest.fixture(scope="session")
def datasets(tmp_path_factory):
    return toy_datasets(tmp_path_factory.mktemp("data"), {"shop": ["city"], "media": ["page"]})


@pytest.fixture(scope="session")
def finished(authority, datasets):
    """A World after a training and a prediction in one enclave."""
    jobs = [
        Job(train_task(), "afm", PARAMETERS, datasets["shop"]),
        Job(predict_task(train_task()), "afm", PARAMETERS, datasets["shop"]),
    ]
    world = World(authority, jobs, {"media": dict.fromkeys(TaskKind, datasets["media"])})
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
