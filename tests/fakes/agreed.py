"""Datasets in the agreed order, as an honest intersection leaves them."""

import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from fakes.shop import COLUMNS, MemoryDataset
from fakes.toy_datasets import toy_datasets

from confide.app.parity import NOBODY
from confide.core.digest import sha384_hex
from confide.data.alignment.agreed_order import order_of
from confide.data.blocks import decode_block, encode_block
from confide.data.ids import id_set_digest
from confide.data.manifest import BlockEntry
from confide.data.ordered import NOWHERE, ids_of, write_ordered
from confide.protocol.blocks import SignedBlock, TrainBlock


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


def rewritten(dataset, blocks, *, announce=None):
    """The dataset with other blocks, and a manifest that fits them; `announce`: the id set it claims."""
    liar = MemoryDataset.__new__(MemoryDataset)
    liar.blocks = [encode_block(block) for block in blocks]
    entries = tuple(
        BlockEntry(rows=block.num_rows, bytes=len(data), sha384=sha384_hex(data))
        for block, data in zip(blocks, liar.blocks, strict=True)
    )
    rows = sum(entry.rows for entry in entries)
    source = msgspec.structs.replace(dataset.manifest.source, rows=rows)
    liar.manifest = msgspec.structs.replace(dataset.manifest, blocks=entries, rows=rows, source=source)
    liar.manifest_bytes = liar.manifest.encode()
    own = pa.chunked_array([block.column(0) for block in blocks])
    liar._id_set = announce or id_set_digest(own)
    return liar


def blocks_of(dataset):
    entries = enumerate(dataset.manifest.blocks)
    return [decode_block(dataset.block(i), entry, dataset.manifest) for i, entry in entries]


def in_between(ids):
    """An id that nobody has, whose place is where the second stands."""
    keys = order_of(pa.array(ids))
    assert keys.tolist() == list(range(len(ids)))
    for candidate in range(1_000, 1_000_000):
        changed = ids.copy()
        changed[1] = candidate
        if order_of(pa.array(changed)).tolist() == list(range(len(ids))):
            return changed
    raise AssertionError("no such id")


def unsigned(task, algorithm, id_set):
    """The agreement of a training, which nobody has signed."""
    block = TrainBlock(
        task_id="0" * 32,
        identities={},
        algorithm=algorithm,
        task=task,
        consents={},
        commitments={},
        enclave=NOBODY,
        agreed_at=0,
        id_set=id_set,
    )
    return SignedBlock(block=block, signatures={}, enclave_signature=b"", certificates={})
