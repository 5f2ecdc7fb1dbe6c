"""A message and its payload as bytes: the wire form inside the seal.

Header length (u32, big-endian) || header (canonical JSON) || payload.
"""

from typing import Any, TypeAlias

import msgspec

from confide.core import canonical
from confide.core.errors import RemoteProtocolError
from confide.protocol.kinds import WITH_PAYLOAD
from confide.protocol.messages import AnyMessage, Message

Payload: TypeAlias = bytes | memoryview
"""Bytes after a header. Of a message that came, a view of it: a data block is long, and is not copied."""


class Spoken(msgspec.Struct, frozen=True):
    """A message and its payload (empty for most kinds)."""

    message: Message
    payload: Payload = b""


def encode(spoken: Spoken) -> bytes:
    """Header length || header || payload. Raises ValueError for a payload where none belongs."""
    return encode_header(spoken) + spoken.payload


def encode_header(spoken: Spoken) -> bytes:
    """What `encode` puts before the payload, which is long and needs no copy. Raises ValueError, too."""
    if spoken.payload and spoken.message.kind not in WITH_PAYLOAD:
        raise ValueError(f"{spoken.message.kind} carries no payload")
    header = canonical.encode(spoken.message)
    return len(header).to_bytes(4, "big") + header


def decode(data: bytes | memoryview) -> Spoken:
    """Read what `encode` wrote. Raises RemoteProtocolError for every other input."""
    length = int.from_bytes(data[:4], "big")
    if len(data) < 4 or length > len(data) - 4:  # noqa: PLR2004 - the four bytes of the length
        raise RemoteProtocolError("a message is shorter than its header says")
    message = _decode_header(bytes(data[4 : 4 + length]))
    payload = memoryview(data)[4 + length :]
    if payload and message.kind not in WITH_PAYLOAD:
        raise RemoteProtocolError(f"{message.kind} carries no payload")
    return Spoken(message, payload)


def _decode_header(header: bytes) -> Message:
    wanted: Any = AnyMessage
    try:
        message: Message = canonical.decode(header, wanted)
    except canonical.NotCanonical as cause:
        raise RemoteProtocolError(f"a message is not in canonical form: {cause}") from None
    return message
