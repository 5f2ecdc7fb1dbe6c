"""The one byte encoding that is ever hashed or signed: RFC 8785 (JSON Canonicalization Scheme)."""

from typing import Any, TypeVar

import msgspec
import rfc8785

from confide.core import limits

T = TypeVar("T")


class NotCanonical(ValueError):
    """The bytes are not the canonical encoding of the expected type. Callers map it to their own error."""


def encode(value: Any) -> bytes:
    """Canonical bytes of a msgspec struct or plain JSON value. Raises ValueError for what JSON can't hold."""
    try:
        return rfc8785.dumps(msgspec.to_builtins(value))
    except (rfc8785.CanonicalizationError, TypeError) as cause:
        raise ValueError(f"not representable in canonical JSON: {cause}") from cause


def decode(data: bytes, expected: type[T], *, limit: int = limits.MAX_CANONICAL_BYTES) -> T:
    """Read canonical bytes as `expected`; refuses unknown fields, duplicates, and any other spelling.

    Raises:
        NotCanonical: for every input that `encode` would not have produced.
    """
    if len(data) > limit:
        raise NotCanonical(f"longer than {limit} bytes")
    try:
        value = msgspec.json.decode(data, type=expected)
        again = encode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError) as cause:
        raise NotCanonical(str(cause)) from None
    if again != data:
        raise NotCanonical("valid JSON, but not in canonical form")
    return value


def decode_plain(data: bytes, *, limit: int = limits.MAX_CANONICAL_BYTES) -> dict[str, Any]:
    """Read canonical bytes as a JSON object of any shape. Raises NotCanonical."""
    return decode(data, dict[str, Any], limit=limit)
