"""Between protobuf bytes and our own words (core/platform_api.py). The only importer of the generated code.

Every decoder takes untrusted bytes and raises RemoteProtocolError, never another error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from confide.core import limits
from confide.core.errors import RemoteProtocolError
from confide.core.platform_api import (
    AttestReply,
    EndRecord,
    Hello,
    RelayRequest,
    SignedHead,
    TaskKind,
    TaskRequest,
    TaskState,
    TaskStatus,
)
from confide.transport.gen import confide_pb2 as pb
from confide.transport.pieces import Piece

_SEALED: Final = bytes([pb.Envelope.SEALED_FIELD_NUMBER << 3 | 2])
"""The field's tag on the wire: its number and "length-delimited"."""
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80
_LONGEST_LENGTH: Final = 5
"""Bytes of a length below 2^32."""
_MORE_FOLLOWS: Final = bytes([pb.Envelope.MORE_FIELD_NUMBER << 3, True])
"""The whole field, where it is true; where it is false it is left out."""

Q = TypeVar("Q")
R = TypeVar("R")
M = TypeVar("M", bound=Message)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Method(Generic[Q, R]):
    """One RPC: its path and the four mappings."""

    path: str
    encode_request: Callable[[Q], bytes]
    decode_request: Callable[[bytes], Q]
    encode_reply: Callable[[R], bytes]
    decode_reply: Callable[[bytes], R]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


def _read(kind: type[M], data: bytes, build: Callable[[M], T]) -> T:
    message = kind()
    try:
        message.ParseFromString(data)
        return build(message)
    except (DecodeError, ValueError):
        raise RemoteProtocolError(f"a malformed {kind.DESCRIPTOR.name} arrived") from None


def _shown(*texts: str) -> None:
    # What the other end sends ends up on a terminal: no escape sequences, no second lines.
    if not all(text.isprintable() for text in texts):
        raise ValueError("a character that can't be printed")


def _dated(*times: int | None) -> None:
    # Shown as well, as dates.
    if not all(0 <= time <= limits.LATEST_TIME for time in times if time is not None):
        raise ValueError("a time that no calendar has")


def encode_hello(hello: Hello) -> bytes:
    message = pb.Hello(api_version=hello.api_version, software=hello.software, platform=hello.platform)
    return message.SerializeToString()


def _hello(m: pb.Hello) -> Hello:
    _shown(m.software, m.platform)
    return Hello(api_version=m.api_version, software=m.software, platform=m.platform)


def decode_hello(data: bytes) -> Hello:
    return _read(pb.Hello, data, _hello)


def encode_task_request(request: TaskRequest) -> bytes:
    message = pb.TaskRequest(
        name=request.name,
        kind=request.kind.value,
        initiator=request.initiator,
        providers=request.providers,
        token=request.token,
    )
    return message.SerializeToString()


def decode_task_request(data: bytes) -> TaskRequest:
    return _read(
        pb.TaskRequest,
        data,
        lambda m: TaskRequest(
            name=m.name,
            kind=TaskKind(m.kind),
            initiator=m.initiator,
            providers=tuple(m.providers),
            token=m.token,
        ),
    )


def encode_task_id(task: str) -> bytes:
    return pb.TaskId(id=task).SerializeToString()


def decode_task_id(data: bytes) -> str:
    return _read(pb.TaskId, data, lambda m: m.id)


def encode_nothing(_nothing: None) -> bytes:
    return pb.ListTasksRequest().SerializeToString()


def decode_nothing(data: bytes) -> None:
    _read(pb.ListTasksRequest, data, lambda _: None)


def _status_message(status: TaskStatus) -> pb.TaskStatus:
    return pb.TaskStatus(
        id=status.id,
        name=status.name,
        kind=status.kind.value,
        state=status.state.value,
        initiator=status.initiator,
        providers=status.providers,
        created_at=status.created_at,
        enclave_address=status.enclave_address,
        phase=status.phase,
        waiting_for=status.waiting_for,
        waiting_what=status.waiting_what,
        waiting_since=status.waiting_since,
        no_room_since=status.no_room_since,
        generation=status.generation,
        ended_at=status.ended_at,
        outcome=status.outcome,
        exit_code=status.exit_code,
    )


def _status(m: pb.TaskStatus) -> TaskStatus:
    _shown(m.id, m.name, m.initiator, *m.providers, m.enclave_address, m.phase, m.outcome)
    _shown(*m.waiting_for, *m.waiting_what)
    _dated(m.created_at, m.ended_at, m.waiting_since, m.no_room_since)
    return TaskStatus(
        id=m.id,
        name=m.name,
        kind=TaskKind(m.kind),
        state=TaskState(m.state),
        initiator=m.initiator,
        providers=tuple(m.providers),
        created_at=m.created_at,
        enclave_address=m.enclave_address if m.HasField("enclave_address") else None,
        phase=m.phase,
        waiting_for=tuple(m.waiting_for),
        waiting_what=tuple(m.waiting_what),
        generation=m.generation,
        waiting_since=m.waiting_since if m.HasField("waiting_since") else None,
        no_room_since=m.no_room_since if m.HasField("no_room_since") else None,
        ended_at=m.ended_at if m.HasField("ended_at") else None,
        outcome=m.outcome if m.HasField("outcome") else None,
        exit_code=m.exit_code if m.HasField("exit_code") else None,
    )


def encode_task_status(status: TaskStatus) -> bytes:
    return _status_message(status).SerializeToString()


def decode_task_status(data: bytes) -> TaskStatus:
    return _read(pb.TaskStatus, data, _status)


def encode_task_list(tasks: tuple[TaskStatus, ...]) -> bytes:
    return pb.TaskList(tasks=[_status_message(status) for status in tasks]).SerializeToString()


def decode_task_list(data: bytes) -> tuple[TaskStatus, ...]:
    return _read(pb.TaskList, data, lambda m: tuple(_status(status) for status in m.tasks))


def encode_end_record(record: EndRecord) -> bytes:
    message = pb.SignedEndRecord(
        task=record.task,
        outcome=record.outcome,
        exit_code=record.exit_code,
        ended_at=record.ended_at,
        receipt_digest=record.receipt_digest,
        platform=record.platform,
        certificate=record.certificate,
        signature=record.signature,
    )
    return message.SerializeToString()


def _end_record(m: pb.SignedEndRecord) -> EndRecord:
    _shown(m.task, m.outcome, m.receipt_digest, m.platform)
    _dated(m.ended_at)
    return EndRecord(
        task=m.task,
        outcome=m.outcome,
        exit_code=m.exit_code if m.HasField("exit_code") else None,
        ended_at=m.ended_at,
        receipt_digest=m.receipt_digest if m.HasField("receipt_digest") else None,
        platform=m.platform,
        certificate=m.certificate,
        signature=m.signature,
    )


def decode_end_record(data: bytes) -> EndRecord:
    return _read(pb.SignedEndRecord, data, _end_record)


def _head_message(head: SignedHead) -> pb.SignedHead:
    return pb.SignedHead(
        log=head.log,
        number=head.number,
        digest=head.digest,
        task=head.task,
        time=head.time,
        certificate=head.certificate,
        signature=head.signature,
    )


def _head(m: pb.SignedHead) -> SignedHead:
    _shown(m.log, m.digest, m.task)
    _dated(m.time)
    return SignedHead(
        log=m.log,
        number=m.number,
        digest=m.digest,
        task=m.task,
        time=m.time,
        certificate=m.certificate,
        signature=m.signature,
    )


def encode_head(head: SignedHead) -> bytes:
    return _head_message(head).SerializeToString()


def decode_head(data: bytes) -> SignedHead:
    return _read(pb.SignedHead, data, _head)


def encode_heads(heads: tuple[SignedHead, ...]) -> bytes:
    return pb.HeadList(heads=map(_head_message, heads)).SerializeToString()


def decode_heads(data: bytes) -> tuple[SignedHead, ...]:
    return _read(pb.HeadList, data, lambda m: tuple(map(_head, m.heads)))


def encode_relay_request(request: RelayRequest) -> bytes:
    return pb.RelayRequest(task=request.task, peer=request.peer).SerializeToString()


def _relay_request(m: pb.RelayRequest) -> RelayRequest:
    _shown(m.task, m.peer)
    return RelayRequest(task=m.task, peer=m.peer)


def decode_relay_request(data: bytes) -> RelayRequest:
    return _read(pb.RelayRequest, data, _relay_request)


def encode_nonce(nonce: bytes) -> bytes:
    return pb.AttestRequest(nonce=nonce).SerializeToString()


def decode_nonce(data: bytes) -> bytes:
    return _read(pb.AttestRequest, data, lambda m: m.nonce)


def encode_attest_reply(reply: AttestReply) -> bytes:
    return pb.AttestReply(evidence=reply.evidence, config=reply.config).SerializeToString()


def decode_attest_reply(data: bytes) -> AttestReply:
    return _read(pb.AttestReply, data, lambda m: AttestReply(evidence=m.evidence, config=m.config))


def encode_envelope(piece: Piece) -> bytes:
    """What protobuf makes of it, without the two copies of the bytes that protobuf makes on the way."""
    sealed = (_SEALED, _varint(len(piece.data)), piece.data) if piece.data else ()
    return b"".join((*sealed, _MORE_FOLLOWS if piece.more else b""))


def decode_envelope(data: bytes) -> Piece:
    """A view into `data` where it has the form of `encode_envelope`; any other form is protobuf's to read."""
    head = data[: len(_SEALED) + _LONGEST_LENGTH]
    if head[:1] == _SEALED:
        length, start = _length(head)
        end = start + length
        rest = data[end : end + len(_MORE_FOLLOWS) + 1]
        if start and end <= len(data) and rest in (b"", _MORE_FOLLOWS):
            return Piece(memoryview(data)[start:end], bool(rest))
    return _read(pb.Envelope, data, lambda m: Piece(m.sealed, m.more))


def _varint(value: int) -> bytes:
    """Seven bits a byte, the low ones first (protobuf, "Encoding")."""
    out = bytearray()
    while value > _SEVEN_BITS:
        out.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def _length(head: bytes) -> tuple[int, int]:
    """(the length that follows the field's tag, where it ends); (0, 0) if it does not end within `head`."""
    value = 0
    for place, byte in enumerate(head[len(_SEALED) :]):
        value |= (byte & _SEVEN_BITS) << 7 * place
        if byte <= _SEVEN_BITS:
            return value, len(_SEALED) + place + 1
    return 0, 0


def _path(service: str, method: str) -> str:
    described = pb.DESCRIPTOR.services_by_name[service]
    return f"/{described.full_name}/{described.methods_by_name[method].name}"


def methods_of(service: str) -> frozenset[str]:
    """Names of all RPCs that the .proto file gives to "Host" or "Enclave"."""
    return frozenset(method.name for method in pb.DESCRIPTOR.services_by_name[service].methods)


HANDSHAKE: Final = Method(_path("Host", "Handshake"), encode_hello, decode_hello, encode_hello, decode_hello)
CREATE_TASK: Final = Method(
    _path("Host", "CreateTask"),
    encode_task_request,
    decode_task_request,
    encode_task_status,
    decode_task_status,
)
GET_TASK: Final = Method(
    _path("Host", "GetTask"), encode_task_id, decode_task_id, encode_task_status, decode_task_status
)
LIST_TASKS: Final = Method(
    _path("Host", "ListTasks"), encode_nothing, decode_nothing, encode_task_list, decode_task_list
)
CANCEL_TASK: Final = Method(
    _path("Host", "CancelTask"), encode_task_id, decode_task_id, encode_task_status, decode_task_status
)
END_RECORD: Final = Method(
    _path("Host", "EndRecord"), encode_task_id, decode_task_id, encode_end_record, decode_end_record
)
EXCHANGE_HEADS: Final = Method(
    _path("Host", "ExchangeHeads"), encode_head, decode_head, encode_heads, decode_heads
)
RELAY: Final = Method(
    _path("Host", "Relay"), encode_envelope, decode_envelope, encode_envelope, decode_envelope
)
ATTEST: Final = Method(
    _path("Enclave", "Attest"), encode_nonce, decode_nonce, encode_attest_reply, decode_attest_reply
)
CHANNEL: Final = Method(
    _path("Enclave", "Channel"), encode_envelope, decode_envelope, encode_envelope, decode_envelope
)
