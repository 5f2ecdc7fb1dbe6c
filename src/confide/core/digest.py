"""SHA-384 everywhere (the seed's choice), as lower-case hexadecimal in documents."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any

from confide.core import canonical

DIGEST_BYTES = 48


def sha384(data: bytes | memoryview) -> bytes:
    """48 bytes."""
    return hashlib.sha384(data).digest()


def sha384_hex(data: bytes | memoryview) -> str:
    """96 lower-case hexadecimal characters."""
    return hashlib.sha384(data).hexdigest()


def sha256_hex(data: bytes | memoryview) -> str:
    """64 characters; only where a format of others asks for SHA-256 (trust roots, RA-TLS)."""
    return hashlib.sha256(data).hexdigest()


def sha384_stream(chunks: Iterable[bytes]) -> str:
    """Hexadecimal SHA-384 of the concatenation of `chunks`."""
    state = hashlib.sha384()
    for chunk in chunks:
        state.update(chunk)
    return state.hexdigest()


def digest_of(document: Any) -> str:
    """Hexadecimal SHA-384 of the canonical encoding of a document."""
    return sha384_hex(canonical.encode(document))


def same(left: str, right: str) -> bool:
    """Constant-time comparison of two hexadecimal digests."""
    return hmac.compare_digest(left.encode(), right.encode())


def commitment(salt: bytes, manifest: bytes) -> str:
    """Commitment of a dataset: SHA-384(salt || manifest), hexadecimal (spec/protocol.md, "Commitment")."""
    return sha384_hex(salt + manifest)
