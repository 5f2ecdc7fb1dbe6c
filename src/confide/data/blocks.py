"""Blocks of a prepared dataset: Arrow IPC streams of one record batch, compressed with zstd.

Columns: the id (int64 or UTF-8 text), the label if there is one (float64), then the features in the
manifest's order: categorical as uint64 (XXH3-64 of the value's UTF-8 text, 0 for missing), numeric as
float64 (NaN for missing). No column has nulls.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from confide.core import limits
from confide.core.digest import same, sha384_hex
from confide.core.errors import DatasetCorrupt
from confide.core.features import Kind
from confide.data.arrow import Array, field
from confide.data.arrow import compute as pc
from confide.data.ipc_message import check_buffers
from confide.data.manifest import BlockEntry, Column, Manifest
from confide.data.schema import IdColumn, IdType, LabelColumn, LabelType

Block: TypeAlias = bytes | memoryview
"""As it is stored, or as it has come, in a view of the message that brought it."""
MISSING_CATEGORY = 0
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
_WRITE_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")


def arrow_schema(id_column: IdColumn, label: LabelColumn | None, columns: Sequence[Column]) -> pa.Schema:
    """The exact Arrow schema of every block of a dataset."""
    id_type = pa.int64() if id_column.type is IdType.INTEGER else pa.string()
    fields = [field(id_column.name, id_type, nullable=False)]
    if label is not None:
        fields.append(field(label.name, pa.float64(), nullable=False))
    for column in columns:
        stored = pa.uint64() if column.kind is Kind.CATEGORICAL else pa.float64()
        fields.append(field(column.name, stored, nullable=False))
    return pa.schema(fields)


def schema_of(manifest: Manifest) -> pa.Schema:
    """The Arrow schema of the blocks that the manifest lists."""
    return arrow_schema(manifest.id, manifest.label, manifest.columns)


def encode_block(batch: pa.RecordBatch) -> bytes:
    """Serialise one block. Deterministic for one version of Arrow and zstd."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_WRITE_OPTIONS) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def check_block(data: Block, entry: BlockEntry) -> None:
    """Hold a block's bytes against its entry in the manifest. Raises DatasetCorrupt."""
    if len(data) != entry.bytes or not same(sha384_hex(data), entry.sha384):
        raise DatasetCorrupt("a block's bytes are not those that the manifest lists")


def decode_block(data: Block, entry: BlockEntry, manifest: Manifest) -> pa.RecordBatch:
    """Read an untrusted block: size, schema, rows and values are checked; the digest is `check_block`'s.

    Memory stays within MAX_BLOCK_BYTES for the compressed and again for the expanded form, whatever the
    bytes claim. Raises DatasetCorrupt, and nothing else.
    """
    check_layout(data, entry, manifest)
    return decode_columns(data, entry, manifest, schema_of(manifest).names)


def check_layout(data: Block, entry: BlockEntry, manifest: Manifest) -> None:
    """What can be told without expanding anything: size, schema, rows, and how much it claims to expand to.

    Raises DatasetCorrupt, and nothing else.
    """
    if len(data) != entry.bytes or len(data) > limits.MAX_BLOCK_BYTES:
        raise DatasetCorrupt(f"a block of {len(data)} bytes, where the manifest says {entry.bytes}")
    with _corrupt():
        _check_messages(data, schema_of(manifest), entry.rows)


def decode_columns(
    data: Block, entry: BlockEntry, manifest: Manifest, names: Sequence[str]
) -> pa.RecordBatch:
    """Some columns of a block that has passed `check_layout`, with the values of these columns checked.

    `names` are in the order of the block. The other columns are not expanded. Raises DatasetCorrupt, and
    nothing else.
    """
    places = [place for place, name in enumerate(schema_of(manifest).names) if name in names]
    options = pa.ipc.IpcReadOptions(included_fields=places, use_threads=False)
    with _corrupt(), pa.ipc.open_stream(pa.py_buffer(data), options=options) as reader:
        batch = reader.read_next_batch()
        batch.validate(full=True)
        if batch.num_rows != entry.rows or batch.schema.names != list(names):
            raise ValueError("other rows or columns than its header says")
    _check_values(batch, manifest)
    return batch


@contextmanager
def _corrupt() -> Iterator[None]:
    """Whatever goes wrong inside is the block's fault."""
    try:
        yield
    except (pa.ArrowException, ValueError, OSError, EOFError, MemoryError, StopIteration) as cause:
        raise DatasetCorrupt(f"a block is not an Arrow stream of the manifest's columns: {cause}") from None


def assemble(batches: list[pa.RecordBatch], manifest: Manifest) -> pa.Table:
    """All blocks of a dataset as one table, in the manifest's order, without copying."""
    return pa.Table.from_batches(batches, schema=schema_of(manifest))


def _check_messages(data: Block, schema: pa.Schema, rows: int) -> None:
    # The two messages are read one by one, before open_stream may have them: the expanded sizes that the
    # second claims must be looked at before Arrow allocates them.
    source = pa.BufferReader(data)
    header = pa.ipc.read_message(source)
    if header.type != "schema" or not pa.ipc.read_schema(header).equals(schema, check_metadata=True):
        raise ValueError("its schema differs")
    message = pa.ipc.read_message(source)
    if message.type != "record batch":
        raise ValueError("no record batch")
    body = message.body or pa.py_buffer(b"")
    check_buffers(message.metadata.to_pybytes(), body, rows=rows, limit=limits.MAX_BLOCK_BYTES)
    _expect_end(source)


def _expect_end(source: pa.BufferReader) -> None:
    try:
        pa.ipc.read_message(source)
    except EOFError:
        end = source.tell()
        source.seek(max(end - len(_END_OF_STREAM), 0))
        if end == source.size() and source.read() == _END_OF_STREAM:
            return
    raise ValueError("more or less than one record batch")


def _check_values(batch: pa.RecordBatch, manifest: Manifest) -> None:
    for name in batch.schema.names:
        column = batch.column(name)
        if column.null_count:
            raise DatasetCorrupt("a block has null values")
        if name == manifest.id.name:
            _check_ids(column)
        elif manifest.label is not None and name == manifest.label.name:
            _check_label(column, manifest.label.type)
        elif pa.types.is_floating(column.type) and np.isinf(column.to_numpy()).any():
            raise DatasetCorrupt("a block has infinite numbers")


def _check_ids(column: Array) -> None:
    if pa.types.is_string(column.type):
        lengths = pc.min_max(pc.binary_length(column)).as_py()
        if lengths["min"] < 1 or lengths["max"] > limits.MAX_ID_BYTES:
            raise DatasetCorrupt(f"a block has ids that are empty or longer than {limits.MAX_ID_BYTES} bytes")


def _check_label(column: Array, label_type: LabelType) -> None:
    values = column.to_numpy()
    if label_type is LabelType.BINARY and not ((values == 0) | (values == 1)).all():
        raise DatasetCorrupt("a block has labels other than 0 and 1")
    if not math.isfinite(float(np.abs(values).max(initial=0.0))):
        raise DatasetCorrupt("a block has labels that are not finite")
