from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Hello(_message.Message):
    __slots__ = ("api_version", "software", "platform")
    API_VERSION_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    api_version: int
    software: str
    platform: str
    def __init__(self, api_version: _Optional[int] = ..., software: _Optional[str] = ..., platform: _Optional[str] = ...) -> None: ...

class TaskRequest(_message.Message):
    __slots__ = ("name", "kind", "initiator", "providers", "token")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    initiator: str
    providers: _containers.RepeatedScalarFieldContainer[str]
    token: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., initiator: _Optional[str] = ..., providers: _Optional[_Iterable[str]] = ..., token: _Optional[str] = ...) -> None: ...

class TaskId(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListTasksRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TaskStatus(_message.Message):
    __slots__ = ("id", "name", "kind", "state", "initiator", "providers", "created_at", "enclave_address", "phase", "waiting_for", "ended_at", "outcome", "exit_code", "waiting_since", "generation", "waiting_what", "no_room_since")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ENCLAVE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    WAITING_SINCE_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    WAITING_WHAT_FIELD_NUMBER: _ClassVar[int]
    NO_ROOM_SINCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    kind: str
    state: str
    initiator: str
    providers: _containers.RepeatedScalarFieldContainer[str]
    created_at: int
    enclave_address: str
    phase: str
    waiting_for: _containers.RepeatedScalarFieldContainer[str]
    ended_at: int
    outcome: str
    exit_code: int
    waiting_since: int
    generation: int
    waiting_what: _containers.RepeatedScalarFieldContainer[str]
    no_room_since: int
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[str] = ..., state: _Optional[str] = ..., initiator: _Optional[str] = ..., providers: _Optional[_Iterable[str]] = ..., created_at: _Optional[int] = ..., enclave_address: _Optional[str] = ..., phase: _Optional[str] = ..., waiting_for: _Optional[_Iterable[str]] = ..., ended_at: _Optional[int] = ..., outcome: _Optional[str] = ..., exit_code: _Optional[int] = ..., waiting_since: _Optional[int] = ..., generation: _Optional[int] = ..., waiting_what: _Optional[_Iterable[str]] = ..., no_room_since: _Optional[int] = ...) -> None: ...

class TaskList(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[TaskStatus]
    def __init__(self, tasks: _Optional[_Iterable[_Union[TaskStatus, _Mapping]]] = ...) -> None: ...

class SignedEndRecord(_message.Message):
    __slots__ = ("task", "outcome", "exit_code", "ended_at", "receipt_digest", "platform", "certificate", "signature")
    TASK_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    task: str
    outcome: str
    exit_code: int
    ended_at: int
    receipt_digest: str
    platform: str
    certificate: str
    signature: bytes
    def __init__(self, task: _Optional[str] = ..., outcome: _Optional[str] = ..., exit_code: _Optional[int] = ..., ended_at: _Optional[int] = ..., receipt_digest: _Optional[str] = ..., platform: _Optional[str] = ..., certificate: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class SignedHead(_message.Message):
    __slots__ = ("log", "number", "digest", "task", "time", "certificate", "signature")
    LOG_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    log: str
    number: int
    digest: str
    task: str
    time: int
    certificate: str
    signature: bytes
    def __init__(self, log: _Optional[str] = ..., number: _Optional[int] = ..., digest: _Optional[str] = ..., task: _Optional[str] = ..., time: _Optional[int] = ..., certificate: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class HeadList(_message.Message):
    __slots__ = ("heads",)
    HEADS_FIELD_NUMBER: _ClassVar[int]
    heads: _containers.RepeatedCompositeFieldContainer[SignedHead]
    def __init__(self, heads: _Optional[_Iterable[_Union[SignedHead, _Mapping]]] = ...) -> None: ...

class RelayRequest(_message.Message):
    __slots__ = ("task", "peer")
    TASK_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    task: str
    peer: str
    def __init__(self, task: _Optional[str] = ..., peer: _Optional[str] = ...) -> None: ...

class AttestRequest(_message.Message):
    __slots__ = ("nonce",)
    NONCE_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    def __init__(self, nonce: _Optional[bytes] = ...) -> None: ...

class AttestReply(_message.Message):
    __slots__ = ("evidence", "config")
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    evidence: bytes
    config: bytes
    def __init__(self, evidence: _Optional[bytes] = ..., config: _Optional[bytes] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("sealed", "more")
    SEALED_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    sealed: bytes
    more: bool
    def __init__(self, sealed: _Optional[bytes] = ..., more: _Optional[bool] = ...) -> None: ...
