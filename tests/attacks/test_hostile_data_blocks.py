"""A party uploads blocks made to exhaust or crash the enclave: refused, with one error, unexpanded."""

import resource
import struct

import pyarrow as pa
import pytest

from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.errors import DatasetCorrupt
from confide.core.features import Kind
from confide.data import blocks
from confide.data.manifest import BlockEntry, Column, Manifest, SourceEntry
from confide.data.schema import IdColumn, IdType

DIGEST = "0a" * 48
ROWS = 4096


def manifest():
    return Manifest(
        id=IdColumn("id", IdType.INTEGER),
        label=None,
        columns=(Column("price", Kind.NUMERIC),),
        rows=ROWS,
        blocks=(BlockEntry(ROWS, 1, DIGEST),),
        source=SourceEntry(DIGEST, 1, ROWS),
        quarantined={},
    )


def honest_block():
    columns = {"id": list(range(ROWS)), "price": [1.0] * ROWS}
    return blocks.encode_block(pa.RecordBatch.from_pydict(columns, schema=blocks.schema_of(manifest())))


def decode(data):
    return blocks.decode_block(data, BlockEntry(ROWS, len(data), sha384_hex(data)), manifest())


@pytest.mark.parametrize("claim", [1 << 33, 1 << 40, (1 << 63) - 1, -2, limits.MAX_BLOCK_BYTES + 1])
def test_expansion_bomb(claim):
    honest = honest_block()
    prefix = struct.pack("<q", 8 * ROWS)
    at = honest.rindex(prefix)
    bomb = honest[:at] + struct.pack("<q", claim) + honest[at + 8 :]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DatasetCorrupt):
        decode(bomb)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * limits.KIB
    assert grown < limits.MAX_BLOCK_BYTES


def test_claim_smaller_than_the_truth():
    honest = honest_block()
    at = honest.rindex(struct.pack("<q", 8 * ROWS))
    for claim in (0, 8, 8 * ROWS - 8, 8 * ROWS + 8, -1):
        with pytest.raises(DatasetCorrupt):
            decode(honest[:at] + struct.pack("<q", claim) + honest[at + 8 :])


@pytest.mark.parametrize("offsets", [(0, 1, 1 << 30), (0, -5, 2), (0, 2, 1), (1 << 30, 0, 1), (-1, 1, 2)])
def test_offsets_outside_the_text(offsets):
    text_manifest = Manifest(
        id=IdColumn("id", IdType.STRING),
        label=None,
        columns=manifest().columns,
        rows=2,
        blocks=(BlockEntry(2, 1, DIGEST),),
        source=SourceEntry(DIGEST, 1, 2),
        quarantined={},
    )
    batch = pa.RecordBatch.from_pydict(
        {"id": ["a", "b"], "price": [1.0, 2.0]}, schema=blocks.schema_of(text_manifest)
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    honest = sink.getvalue().to_pybytes()
    at = honest.rindex(struct.pack("<3i", 0, 1, 2))
    data = honest[:at] + struct.pack("<3i", *offsets) + honest[at + 12 :]
    entry = BlockEntry(2, len(data), sha384_hex(data))
    blocks.decode_block(honest, entry, text_manifest)
    with pytest.raises(DatasetCorrupt):
        blocks.decode_block(data, entry, text_manifest)
