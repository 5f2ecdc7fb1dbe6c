"""Columns read one by one out of blocks are those of the whole table; what is wrong with one is noticed."""

import math

import msgspec
import pytest

from confide.core.digest import sha384_hex
from confide.core.errors import DatasetCorrupt
from confide.data.block_columns import BlockColumns
from confide.data.blocks import decode_columns, encode_block
from confide.data.manifest import BlockEntry

CONTENT = b"id,click,site,price\n" + b"".join(
    b"%d,%d,s%d,%d.5\n" % (row, row % 2, row % 3, row) for row in range(50)
)


@pytest.fixture
def dataset(prepared, schema):
    return prepared(CONTENT, schema)


def blocks_of(dataset):
    return [dataset.block(index) for index in range(len(dataset.manifest.blocks))]


def test_each_column(dataset):
    table, columns = dataset.table(), BlockColumns(blocks_of(dataset), dataset.manifest)
    assert columns.schema == table.schema
    for name in table.column_names:
        assert columns.column(name).to_pylist() == dataset.column(name).to_pylist()
        assert columns.column(name).to_pylist() == table.column(name).to_pylist()
    with pytest.raises(KeyError):
        columns.column("other")


def with_price(dataset, value):
    """A block, and the manifest that goes with it, with one other value."""
    batch = decode_columns(
        dataset.block(0), dataset.manifest.blocks[0], dataset.manifest, dataset.table().column_names
    )
    rows = batch.to_pydict()
    rows["price"][7] = value
    data = encode_block(type(batch).from_pydict(rows, schema=batch.schema))
    entry = BlockEntry(batch.num_rows, len(data), sha384_hex(data))
    return data, msgspec.structs.replace(dataset.manifest, blocks=(entry,))


def test_a_bad_value_is_noticed_when_its_column_is_read(dataset):
    data, manifest = with_price(dataset, math.inf)
    columns = BlockColumns([data], manifest)
    assert len(columns.column("site")) == 50
    with pytest.raises(DatasetCorrupt, match="infinite"):
        columns.column("price")


def test_too_few_blocks_and_a_cut_one(dataset):
    with pytest.raises(DatasetCorrupt):
        BlockColumns([], dataset.manifest)
    (data,) = blocks_of(dataset)
    with pytest.raises(DatasetCorrupt):
        BlockColumns([data[:-1]], dataset.manifest)


def test_a_column_whose_bytes_do_not_expand(dataset):
    (data,) = blocks_of(dataset)
    for at in range(len(data) // 2, len(data) - 16, 97):
        harmed = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        try:
            columns = BlockColumns([harmed], dataset.manifest)
            for name in columns.schema.names:
                columns.column(name)
        except DatasetCorrupt:
            continue
