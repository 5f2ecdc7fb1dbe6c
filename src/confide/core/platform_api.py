"""What parties and the platform's host say to each other, apart from any wire format.

All of it is the host's word: it helps to find the enclave and to see what a task waits for, and decides
nothing about trust. Times are Unix seconds. An `EndRecord` is signed: it can be held against the host.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from confide.core import canonical
from confide.core.ports import Link

API_VERSION: Final = 1
"""Of the RPCs between party and host, and party and enclave. Equal or refused."""
END_RECORD_CONTEXT: Final = "confide/end-record/1"
END_RECORD_FORMAT: Final = "confide-end-record/1"
AUDIT_HEAD_CONTEXT: Final = "confide/audit-head/1"
AUDIT_HEAD_FORMAT: Final = "confide-audit-head/1"


class TaskKind(StrEnum):
    """What a task is for."""

    TRAIN = "train"
    PREDICT = "predict"


class TaskState(StrEnum):
    """The life of a task at the host. What happens inside the enclave is `TaskStatus.phase`."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


class Role(StrEnum):
    """Whom a certificate of the common CA is for."""

    PARTY = "party"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is at the other end of a mutually authenticated TLS connection, from its certificate."""

    name: str
    role: Role
    certificate: bytes
    """DER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Exchanged before anything else, so that unequal versions are refused in plain words."""

    api_version: int
    software: str
    """Version of the Confide package; for people."""
    platform: str = ""
    """The platform's name; empty from a party."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """What the initiator asks the host for: an enclave for these participants."""

    name: str
    kind: TaskKind
    initiator: str
    providers: tuple[str, ...]
    token: str = ""
    """The initiator's choice, up to 64 characters: the same token again gives the same task (safe retry)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatus:
    """A task as the host sees it."""

    id: str
    name: str
    kind: TaskKind
    state: TaskState
    initiator: str
    providers: tuple[str, ...]
    created_at: int
    enclave_address: str | None = None
    """`host:port`, as soon as the enclave is ready."""
    phase: str = ""
    """The state that the enclave last reported."""
    waiting_for: tuple[str, ...] = ()
    """Participants that the enclave waits for."""
    waiting_what: tuple[str, ...] = ()
    """Of each of these, the state of its channel: what is waited for."""
    waiting_since: int | None = None
    """Since when, by the enclave's clock: for the one it waits for longest."""
    ended_at: int | None = None
    outcome: str | None = None
    exit_code: int | None = None
    """Of the enclave's process; negative: the signal that ended it."""
    generation: int = 0
    """How many enclaves of this task have died before the present one."""

    @property
    def participants(self) -> tuple[str, ...]:
        return (self.initiator, *self.providers)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRecord:
    """The host's signed word on how a task ended."""

    task: str
    outcome: str
    exit_code: int | None
    ended_at: int
    receipt_digest: str | None
    """Hexadecimal SHA-384 that the enclave announced for its receipt."""
    platform: str
    certificate: str
    """PEM of the platform's identity, under which `signature` verifies."""
    signature: bytes = b""
    """Over END_RECORD_CONTEXT and `message()`."""

    def message(self) -> bytes:
        """Canonical encoding of everything but the signature."""
        document: dict[str, Any] = {
            "format": END_RECORD_FORMAT,
            "task": self.task,
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "ended_at": self.ended_at,
            "receipt_digest": self.receipt_digest,
            "platform": self.platform,
            "certificate": self.certificate,
        }
        return canonical.encode(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """How far an audit log had come, signed by its owner (spec/audit.md, "Heads")."""

    log: str
    """`urn:confide:party:NAME` or `urn:confide:platform:NAME`."""
    number: int
    digest: str
    """Hexadecimal SHA-384 of entry `number`."""
    task: str
    time: int
    certificate: str
    """PEM of the owner's identity, under which `signature` verifies."""
    signature: bytes = b""
    """Over AUDIT_HEAD_CONTEXT and `message()`."""

    def message(self) -> bytes:
        """Canonical encoding of everything but the signature."""
        document: dict[str, Any] = {
            "format": AUDIT_HEAD_FORMAT,
            "log": self.log,
            "number": self.number,
            "digest": self.digest,
            "task": self.task,
            "time": self.time,
            "certificate": self.certificate,
        }
        return canonical.encode(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayRequest:
    """What a participant says first on a leg of the relay: for which task, and whom it wants to reach."""

    task: str
    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestReply:
    """What an enclave answers to `Attest(nonce)`."""

    evidence: bytes
    """RA-TLS evidence container (attestation/binding.py)."""
    config: bytes
    """The exact bytes that the host gave the enclave (core/enclave_config.py); the evidence binds them."""


class HostService(Protocol):
    """The host's RPCs. Every method may raise any ConfideError; the transport carries its code."""

    def handshake(self, caller: Caller, hello: Hello) -> Hello:
        """Our side's versions. Raises RemoteProtocolError if the caller's API version is another."""
        ...

    def create_task(self, caller: Caller, request: TaskRequest) -> TaskStatus: ...

    def get_task(self, caller: Caller, task: str) -> TaskStatus: ...

    def list_tasks(self, caller: Caller) -> tuple[TaskStatus, ...]:
        """Tasks that the caller takes part in: all that have not ended, then the newest ended ones."""
        ...

    def cancel_task(self, caller: Caller, task: str) -> TaskStatus: ...

    def end_record(self, caller: Caller, task: str) -> EndRecord: ...

    def exchange_heads(self, caller: Caller, head: SignedHead) -> tuple[SignedHead, ...]:
        """Keep the caller's head. The host's own comes first, then the others' of the head's task."""
        ...

    def relay(self, caller: Caller, request: RelayRequest, leg: Link) -> int:
        """Carry opaque bytes between the caller and the peer's leg of the same task, until either ends.

        Returns how many bytes the caller has brought.
        """
        ...
