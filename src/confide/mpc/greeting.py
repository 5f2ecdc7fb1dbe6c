"""What the two ends say to each other beside the library: before it runs, what each has kept; afterwards,
that each has its outcome (spec/protocol.md, "Intersection").
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from confide.core import canonical, limits
from confide.core.errors import RemoteProtocolError

Handle = Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?\Z")]
"""16 random bytes, hexadecimal; empty: none."""
HANDLE_BYTES = 16


class Greeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first word of each end."""

    found: bool
    """Whether this end has had the outcome of this run already, on a tunnel that broke."""
    cache: Handle = ""
    """Unbalanced: the provider's cache as it is; the initiator's: the one that it holds."""
    fresh: Handle = ""
    """Unbalanced: what the provider will call the cache that is made, if one is."""

    def encode(self) -> bytes:
        """Canonical bytes."""
        return canonical.encode(self)

    @classmethod
    def decode(cls, word: bytes) -> "Greeting":
        """Raises RemoteProtocolError."""
        try:
            return canonical.decode(word, cls, limit=limits.KIB)
        except canonical.NotCanonical as cause:
            raise RemoteProtocolError(f"the other end of the tunnel greets otherwise: {cause}") from None


KEPT = b"kept"
"""The last word of each end: it has its outcome, and has written it down."""
