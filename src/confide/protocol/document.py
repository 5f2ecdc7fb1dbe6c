"""What all documents of the protocol are made of."""

from typing import Annotated

import msgspec
from msgspec import Meta

from confide.core import limits

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]
"""A participant, as its certificate names it."""
Title = Annotated[str, Meta(min_length=1, max_length=limits.MAX_NAME_LENGTH)]
Share = Annotated[float, Meta(ge=0, le=1)]
Seed = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of everything that is hashed or signed (core.digest.digest_of)."""
