"""Datasets in the agreed order, as an honest intersection leaves them."""

import tempfile
from pathlib import Path

import numpy as np
from fakes.shop import COLUMNS, MemoryDataset
from fakes.toy_datasets import toy_datasets

from confide.data.alignment.agreed_order import order_of
from confide.data.ordered import NOWHERE, ids_of, write_ordered


def prepared(rows):
    """Of each party, before the intersection; the folder goes with the process."""
    folder = Path(tempfile.mkdtemp())
    return toy_datasets(folder, COLUMNS, rows)


def in_order(datasets, common, block_rows):
    """Per party, the rows with the first `common` ids."""
    made = {}
    for name, dataset in datasets.items():
        ids = ids_of(dataset).combine_chunks()
        rows = np.flatnonzero(ids.to_numpy() < common)
        places = np.full(len(ids), NOWHERE)
        places[rows[order_of(ids.take(rows))]] = np.arange(len(rows))
        with tempfile.TemporaryDirectory() as folder:
            made[name] = MemoryDataset(write_ordered(dataset, ids, places, Path(folder), block_rows))
    return made
