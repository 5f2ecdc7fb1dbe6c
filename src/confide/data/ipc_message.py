"""What a compressed Arrow IPC record batch claims to expand to, read before anything is expanded.

Format: Arrow columnar format, "IPC File Format / RecordBatch message" and "Compression" (each compressed
buffer starts with its expanded length as little-endian int64, -1 for "stored as it is"), inside a
FlatBuffers table (Message.fbs). Arrow's own reader allocates what that length says.
"""

import struct

import pyarrow as pa

_RECORD_BATCH = 3
_HEADER_TYPE_SLOT, _HEADER_SLOT = 1, 2
_LENGTH_SLOT, _BUFFERS_SLOT, _COMPRESSION_SLOT = 0, 2, 3
_BUFFER_BYTES = 16
_PREFIX_BYTES = 8
_STORED = -1


def check_buffers(metadata: bytes, body: pa.Buffer, *, rows: int, limit: int) -> None:
    """Raises ValueError unless the batch has `rows` rows and expands to at most `limit` bytes in all."""
    try:
        batch = _record_batch(metadata)
        claimed_rows = _scalar(metadata, batch, _LENGTH_SLOT, "<q")
        buffers = _buffers(metadata, batch)
        compressed = _field(metadata, batch, _COMPRESSION_SLOT) is not None
    except (struct.error, IndexError) as cause:
        raise ValueError(f"malformed message: {cause}") from None
    if claimed_rows != rows:
        raise ValueError(f"{claimed_rows} rows, where the manifest says {rows}")
    total = 0
    for offset, length in buffers:
        if offset < 0 or length < 0 or offset + length > body.size:
            raise ValueError("a buffer lies outside the message")
        total += _expanded(body, offset, length) if compressed and length else length
        if total > limit:
            raise ValueError(f"expands to more than {limit} bytes")


def _expanded(body: pa.Buffer, offset: int, length: int) -> int:
    if length < _PREFIX_BYTES:
        raise ValueError("a compressed buffer without its length")
    (claimed,) = struct.unpack("<q", body.slice(offset, _PREFIX_BYTES).to_pybytes())
    if claimed < _STORED:
        raise ValueError("a negative length")
    return length if claimed == _STORED else int(claimed)


def _record_batch(data: bytes) -> int:
    (root,) = struct.unpack_from("<I", data, 0)
    if _scalar(data, root, _HEADER_TYPE_SLOT, "<B") != _RECORD_BATCH:
        raise ValueError("not a record batch")
    return _follow(data, root, _HEADER_SLOT)


def _buffers(data: bytes, batch: int) -> list[tuple[int, int]]:
    start = _follow(data, batch, _BUFFERS_SLOT)
    (count,) = struct.unpack_from("<I", data, start)
    if count * _BUFFER_BYTES > len(data):
        raise ValueError("more buffers than the message holds")
    return [struct.unpack_from("<qq", data, start + 4 + _BUFFER_BYTES * i) for i in range(count)]


def _field(data: bytes, table: int, slot: int) -> int | None:
    """Position of a FlatBuffers table's field, or None where the field has its default."""
    (back,) = struct.unpack_from("<i", data, table)
    vtable = table - back
    if vtable < 0:
        raise ValueError("a table outside the message")
    (size,) = struct.unpack_from("<H", data, vtable)
    entry = 4 + 2 * slot
    if entry + 2 > size:
        return None
    (offset,) = struct.unpack_from("<H", data, vtable + entry)
    return table + int(offset) if offset else None


def _scalar(data: bytes, table: int, slot: int, code: str) -> int:
    at = _field(data, table, slot)
    return 0 if at is None else int(struct.unpack_from(code, data, at)[0])


def _follow(data: bytes, table: int, slot: int) -> int:
    at = _field(data, table, slot)
    if at is None:
        raise ValueError("a required part of the message is missing")
    return at + int(struct.unpack_from("<I", data, at)[0])
