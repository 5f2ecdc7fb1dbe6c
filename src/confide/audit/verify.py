"""What a log is worth: its chain, the heads in it, what others hold of it (spec/audit.md)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from confide.audit.chain import Chain
from confide.audit.entry import Entry, Moment, Operation
from confide.audit.heads import verify_head
from confide.core.errors import AuditInvalid, ConfigurationError
from confide.core.platform_api import SignedHead


@dataclass(frozen=True, slots=True)
class Witness:
    """A head that somebody holds: `holder`'s line `line`."""

    head: SignedHead
    holder: str
    line: int

    def __str__(self) -> str:
        return f"the head of entry {self.head.number} in line {self.line} of {self.holder}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What holds, and what is worth a remark."""

    owner: str
    entries: int
    heads: int
    """Signed heads of others that this log holds."""
    witnesses: int
    """Heads about this log that lie in the other logs, all of them contained in it."""
    covered: int
    """Entries up to this one can't be altered any more without contradicting such a head."""
    remarks: tuple[str, ...]


def verify(log: Chain, others: Sequence[Chain], ca_pem: bytes, *, owner: str = "") -> Verified:
    """Verify `log`, held against `others`.

    `owner`: whose log it is said to be (URI); empty: as its entries say.

    Raises:
        AuditInvalid: the first line that was altered or is missing, and who proves it.
        ConfigurationError: it is to be held against others, and nobody says whose it is.
    """
    found = log.owner
    if owner and found and found != owner:
        raise AuditInvalid(f"{log.name} is the log of {found}, not of {owner}")
    whose = owner or found
    if others and not whose:
        raise ConfigurationError(f"{log.name} does not say whose it is: say it with --of")
    forged: list[str] = []
    witnesses = [witness for other in others for witness in _witnesses(other, whose, ca_pem, forged)]
    _check_witnesses(log, whose, witnesses)
    log.require_whole()
    own, foreign = _check_heads(log, whose, ca_pem)
    _check_witnesses(log, whose, own)
    return Verified(
        owner=whose,
        entries=len(log.entries),
        heads=foreign,
        witnesses=len(witnesses),
        covered=max((witness.head.number for witness in witnesses), default=0),
        remarks=(*_remarks(log, others, whose), *forged),
    )


def _witnesses(other: Chain, owner: str, ca_pem: bytes, forged: list[str]) -> Iterator[Witness]:
    """Heads speak for themselves: a broken log may hold good ones, and a forged one proves nothing."""
    for entry in other.entries:
        if entry.head is None or not owner or entry.head.log != owner:
            continue
        head = entry.head.head()
        try:
            verify_head(head, ca_pem)
        except AuditInvalid as found:
            forged.append(f"{other.name}, line {entry.number}, proves nothing: {found.message}")
            continue
        yield Witness(head, other.name, entry.number)


def _check_witnesses(log: Chain, owner: str, witnesses: Sequence[Witness]) -> None:
    """Every head names an entry of this log. Raises AuditInvalid for the first that does not."""
    by_number = {entry.number: entry.true_digest() for entry in log.entries}
    agreed = 0
    for witness in sorted(witnesses, key=lambda known: known.head.number):
        number = witness.head.number
        if by_number.get(number) == witness.head.digest:
            agreed = number
            continue
        raise AuditInvalid(
            f"{log.name}: {_what_happened(log, number, agreed)}: {witness}, signed by {owner}, proves it",
            blame=owner.rpartition(":")[2] or None,
        )


def _what_happened(log: Chain, number: int, agreed: int) -> str:
    if log.broken:
        return log.broken
    last = log.entries[-1].number if log.entries else 0
    if last < number:
        return f"line {last + 1} is missing, and all up to line {number} at least"
    return f"a line from {agreed + 1} to {number} was altered, and the chain after it written anew"


def _check_heads(log: Chain, owner: str, ca_pem: bytes) -> tuple[list[Witness], int]:
    """(its owner's own heads, how many are of others)."""
    own, foreign = [], 0
    for entry in log.entries:
        if entry.head is None:
            continue
        head = entry.head.head()
        try:
            verify_head(head, ca_pem)
        except AuditInvalid as forged:
            raise AuditInvalid(f"{log.name}, line {entry.number}: {forged.message}") from None
        if head.log == owner:
            own.append(Witness(head, log.name, entry.number))
        else:
            foreign += 1
    return own, foreign


def _remarks(log: Chain, others: Sequence[Chain], owner: str) -> Iterator[str]:
    if log.torn:
        yield "the last line has no end: a crash; the next writer tells of it"
    for entry in log.entries:
        if entry.operation is Operation.RECOVER:
            yield f"line {entry.number}: a line that a crash had torn was cut off"
    for entry in unfinished(log.entries):
        yield f"line {entry.number}: '{entry.operation}' was begun, and its end is not logged"
    if not owner:
        yield "no entry names an identity: nobody's signature is about this log"
    for other in others:
        if other.broken:
            yield f"{other.name}: {other.broken}; its heads count all the same"


def unfinished(entries: Sequence[Entry]) -> list[Entry]:
    """Every `before` without its `after`: the process ended in between, or is at it."""
    waiting: dict[tuple[str, str | None], Entry] = {}
    for entry in entries:
        # A task that is being created has no id before.
        key = (entry.operation, entry.actor if entry.operation is Operation.CREATE else entry.task)
        if entry.moment is Moment.BEFORE:
            waiting[key] = entry
        else:
            waiting.pop(key, None)
    return sorted(waiting.values(), key=lambda entry: entry.number)
