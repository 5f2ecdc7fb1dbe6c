"""Audit logs of a few owners under one CA, with exchanged heads, as files that a test may damage."""

import json
from dataclasses import dataclass, field

import msgspec
from fakes.authority import Authority
from fakes.ports import FakeClock

from confide.audit.chain import read_chain
from confide.audit.entry import DONE, NOTHING_BEFORE, Entry, Event, Moment, Object, Operation
from confide.audit.heads import HeadKeeper
from confide.audit.log import AuditLog
from confide.audit.recorder import Recorder
from confide.audit.verify import verify

TASK = "0" * 31 + "1"


def event(operation=Operation.PREPARE, actor="shop", **more):
    fields = {"moment": Moment.AFTER, "outcome": DONE, **more}
    return Event(actor=actor, operation=operation, **fields)


@dataclass
class Logbook:
    """One owner's log, and the key for its heads."""

    name: str
    uri: str
    log: AuditLog
    keeper: HeadKeeper

    @property
    def path(self):
        return self.log.path

    def work(self, times=3):
        """So many operations, each before and after."""
        recorder = Recorder(self.log, TASK)
        for number in range(times):
            with recorder.doing(Operation.UPLOAD) as result:
                result.append(Object(kind="dataset", digest=f"{number:096x}", rows=number))

    def lines(self):
        return self.path.read_bytes().splitlines(keepends=True)

    def rewrite(self, lines):
        self.path.write_bytes(b"".join(lines))

    def chain(self):
        return read_chain(self.path)

    def entries(self):
        return [json.loads(line) for line in self.lines()]


@dataclass
class Owners:
    """shop and media are parties, cloud is the platform."""

    base: object
    authority: Authority = field(default_factory=Authority)

    def __post_init__(self):
        self.clock = FakeClock(self.authority.now)
        self.shop = self.owner("shop")
        self.media = self.owner("media")
        self.cloud = self.owner("cloud", "platform")

    def owner(self, name, role="party"):
        holder = getattr(self.authority, role)(name)
        uri = f"urn:confide:{role}:{name}"
        log = AuditLog(self.base / f"{name}.jsonl", uri, self.clock, actor=name)
        keeper = HeadKeeper(
            log=log,
            signer=holder.key,
            certificate_pem=holder.certificate_pem.decode(),
            ca_pem=self.authority.ca_pem,
            clock=self.clock,
        )
        return Logbook(name, uri, log, keeper)

    def exchange(self, one, other):
        """Each keeps the other's head."""
        head = one.keeper.make(TASK)
        other.keeper.check(head, task=TASK)
        other.keeper.write(head)
        answer = other.keeper.make(TASK)
        one.keeper.write(answer)

    def verify(self, log, *others):
        return verify(log.chain(), [other.chain() for other in others], self.authority.ca_pem, owner=log.uri)


def chained_anew(lines):
    """What a forger of its own log does: numbers, digests and the chain made to fit again."""
    done, previous = [], None
    for line in lines:
        entry = msgspec.json.decode(line, type=Entry)
        entry = msgspec.structs.replace(
            entry,
            number=previous.number + 1 if previous else 1,
            previous=previous.digest if previous else NOTHING_BEFORE,
        )
        previous = msgspec.structs.replace(entry, digest=entry.true_digest())
        done.append(previous.line())
    return done
