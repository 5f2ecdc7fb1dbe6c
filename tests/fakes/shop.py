"""The cast of most tests: "shop" starts tasks, "media" and "maps" provide; small datasets in memory."""

import functools
import tempfile
from pathlib import Path
from unittest import mock

from fakes.toy_datasets import toy_datasets
from fakes.world import PARAMETERS, Authority, World, train_task

from confide.core import limits
from confide.core.platform_api import TaskKind
from confide.data.dataset import PreparedDataset
from confide.party.initiator import Job

ROWS = 96
BLOCK_ROWS = 32
START = 1_800_000_000
COLUMNS = {"shop": ["city"], "media": ["page"], "maps": ["page"]}


class MemoryDataset:
    """Implements party.ports.Dataset; tests may replace its blocks."""

    def __init__(self, prepared: PreparedDataset) -> None:
        self.manifest = prepared.manifest
        self.manifest_bytes = prepared.manifest_bytes
        self.blocks = [prepared.block(index) for index in range(len(prepared.manifest.blocks))]
        self._id_set = prepared.id_set_digest()

    def stored_block(self, index):
        return self.block(index)

    def block(self, index):
        return self.blocks[index]

    @property
    def id_count(self):
        return self.manifest.rows

    def id_set_digest(self):
        return self._id_set


@functools.cache
def authority():
    return Authority()


@functools.cache
def datasets(rows=ROWS):
    """Three blocks each."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(limits, "BLOCK_ROWS", BLOCK_ROWS):
        made = toy_datasets(Path(folder), COLUMNS, rows)
        return {name: MemoryDataset(dataset) for name, dataset in made.items()}


def dataset_of(source, schema):
    """Prepare the text of a CSV file."""
    from confide.data.prepare import prepare  # noqa: PLC0415 - only few tests need it

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source.csv"
        path.write_text(source)
        prepare(path, schema, Path(folder) / "prepared")
        return MemoryDataset(PreparedDataset.open(Path(folder) / "prepared"))


def train_job(dataset=None, parameters=PARAMETERS, **changes):
    return Job(train_task(**changes), "afm", parameters, dataset or datasets()["shop"])


def predict_job(task, brought=None, dataset=None):
    return Job(task, "afm", PARAMETERS, dataset or datasets()["shop"], brought)


def world(*jobs, offered=None, **options):
    """A World of `jobs` (one training, if none); `offered` replaces datasets of providers by name.

    All worlds share one clock, which starts anew with each.
    """
    clock = authority().clock
    clock.time, clock.step = START, 0
    jobs = list(jobs) or [train_job()]
    held = {name: datasets()[name] for name in jobs[0].task.providers} | (offered or {})
    of_kinds = {name: dict.fromkeys(TaskKind, dataset) for name, dataset in held.items()}
    return World(authority(), jobs, of_kinds, **options)
