"""One line of an audit log (spec/audit.md, "Entry"). No data and no secrets fit into it."""

from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from confide.core import canonical, limits
from confide.core.digest import sha384_hex
from confide.core.errors import AuditInvalid
from confide.core.platform_api import SignedHead

NOTHING_BEFORE: Final = "0" * 96
DONE: Final = "done"
REFUSED: Final = "refused"
OWNER: Final = "owner"
"""The actor as long as the log's owner has no identity."""

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{96}\Z")]
TaskId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Count = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
Seconds = Annotated[int, Meta(ge=0, le=limits.LATEST_TIME)]
LogName = Annotated[str, Meta(pattern=r"^(urn:confide:(party|platform):[a-z0-9][a-z0-9-]{0,62})?\Z")]
Actor = Annotated[str, Meta(pattern=r"^(enclave as told to )?[a-z0-9][a-z0-9-]{0,62}\Z")]
Outcome = Annotated[str, Meta(pattern=r"^(done|refused|CFD-[0-9]{3})\Z")]
ObjectName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}\Z")]
ObjectDigest = Annotated[str, Meta(pattern=r"^([0-9a-f]{64}|[0-9a-f]{96})\Z")]


class Operation(StrEnum):
    """The closed list of what is logged (spec/audit.md, "Operations")."""

    BEGIN = "begin"
    RECOVER = "recover"
    HEAD = "head"
    PREPARE = "prepare"
    CREATE = "create"
    CANCEL = "cancel"
    LOOK = "look"
    LAUNCH = "launch"
    REPORT = "report"
    RELAY = "relay"
    ATTEST = "attest"
    PROPOSE = "propose"
    CONSENT = "consent"
    INTERSECT = "intersect"
    AGREE = "agree"
    UPLOAD = "upload"
    OPEN = "open"
    JOIN = "join"
    TRAIN = "train"
    PREDICT = "predict"
    RECEIVE = "receive"
    RELEASE = "release"
    COUNTERSIGN = "countersign"
    DESTROY = "destroy"


class Moment(StrEnum):
    """Every operation is logged before it begins, and again with its outcome."""

    BEFORE = "before"
    AFTER = "after"


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Object(_Document, frozen=True, kw_only=True):
    """What an operation was done on: digests and counts, never content."""

    kind: ObjectName
    name: ObjectName | None = None
    """Of a phase or stage; never of a column."""
    digest: ObjectDigest | None = None
    rows: Count | None = None
    bytes: Count | None = None


class HeadDocument(_Document, frozen=True, kw_only=True):
    """A `SignedHead` as it stands in an entry."""

    log: LogName
    number: Annotated[int, Meta(ge=1, le=(1 << 53) - 1)]
    digest: Digest
    task: TaskId
    time: Seconds
    certificate: Annotated[str, Meta(max_length=limits.MAX_CERTIFICATE_BYTES)]
    signature: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]

    @classmethod
    def of(cls, head: SignedHead) -> "HeadDocument":
        """The document of a head that was verified; raises AuditInvalid for one that has no such form."""
        try:
            return msgspec.convert(head, cls, from_attributes=True)
        except (msgspec.ValidationError, ValueError) as cause:
            raise AuditInvalid(f"not a head: {cause}") from None

    def head(self) -> SignedHead:
        """As it travels."""
        return SignedHead(**{name: getattr(self, name) for name in self.__struct_fields__})


class Event(_Document, frozen=True, kw_only=True):
    """What is told of an operation; a log adds number, time and the chain."""

    actor: Actor
    operation: Operation
    moment: Moment
    outcome: Outcome | None = None
    task: TaskId | None = None
    agreement: Digest | None = None
    object: Object | None = None
    head: HeadDocument | None = None


class Entry(Event, frozen=True, kw_only=True):
    """One line. `digest` is that of all other fields."""

    format: Literal["confide-audit/1"] = "confide-audit/1"
    number: Annotated[int, Meta(ge=1, le=(1 << 53) - 1)]
    time: Seconds
    log: LogName
    previous: Digest
    digest: Digest

    def __post_init__(self) -> None:
        if (self.moment is Moment.BEFORE) != (self.outcome is None):
            raise ValueError("an outcome belongs to what is over, and to nothing else")
        if (self.operation is Operation.HEAD and self.outcome == DONE) != (self.head is not None):
            raise ValueError("a head belongs to the operation 'head', and to no other")

    def line(self) -> bytes:
        """Canonical bytes with the line feed."""
        return canonical.encode(self) + b"\n"

    def true_digest(self) -> str:
        """What `digest` must be."""
        fields = msgspec.to_builtins(self)
        del fields["digest"]
        return sha384_hex(canonical.encode(fields))


def chained(event: Event, previous: Entry | None, *, log: str, time: int) -> Entry:
    """The entry that follows `previous` in `log`. Raises ValueError for what is no event."""
    told = {name: getattr(event, name) for name in Event.__struct_fields__}
    draft = Entry(
        **told,
        number=previous.number + 1 if previous else 1,
        time=time,
        log=log,
        previous=previous.digest if previous else NOTHING_BEFORE,
        digest=NOTHING_BEFORE,
    )
    entry = msgspec.structs.replace(draft, digest=draft.true_digest())
    # Structs check ranges and patterns when they are decoded: read once what is about to be written.
    return decode(canonical.encode(entry))


def decode(line: bytes) -> Entry:
    """Read one line, without its end. Raises AuditInvalid, and nothing else."""
    try:
        return canonical.decode(line, Entry, limit=limits.MAX_AUDIT_LINE_BYTES)
    except canonical.NotCanonical as cause:
        raise AuditInvalid(f"not an entry: {cause}") from None
