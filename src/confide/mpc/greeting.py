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
    own: Handle
    """Of the checkpoints that this end has."""
    other: Handle
    """Of those that the other end had, when this end last heard of it."""
    cache: Handle = ""
    """Unbalanced: the provider's cache as it is; the initiator's: the one that it holds."""

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

    def continues(self, theirs: "Greeting") -> bool:
        """Whether both have the checkpoints of the same attempt: who has lost its own begins anew."""
        return bool(self.own and theirs.own) and self.own == theirs.other and self.other == theirs.own


KEPT = b"kept"
"""The last word of each end: it has its outcome, and has written it down."""
