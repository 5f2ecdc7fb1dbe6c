"""Mappings there and back, hostile bytes, and generated code that fits its source."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import limits
from confide.core.errors import RemoteProtocolError
from confide.core.platform_api import (
    AttestReply,
    EndRecord,
    Hello,
    SignedHead,
    TaskKind,
    TaskRequest,
    TaskState,
    TaskStatus,
)
from confide.transport import wire
from confide.transport.gen import confide_pb2 as pb
from confide.transport.pieces import Piece

TEXT = st.text(max_size=20).filter(str.isprintable)
NUMBER = st.integers(0, 2**62)
TIME = st.integers(0, limits.LATEST_TIME)
CODE = st.none() | st.integers(-128, 255)

STATUSES = st.builds(
    TaskStatus,
    id=TEXT,
    name=TEXT,
    kind=st.sampled_from(TaskKind),
    state=st.sampled_from(TaskState),
    initiator=TEXT,
    providers=st.lists(TEXT, max_size=3).map(tuple),
    created_at=TIME,
    enclave_address=st.none() | TEXT,
    phase=TEXT,
    waiting_for=st.lists(TEXT, max_size=3).map(tuple),
    waiting_since=st.none() | TIME,
    no_room_since=st.none() | TIME,
    ended_at=st.none() | TIME,
    outcome=st.none() | TEXT,
    exit_code=CODE,
)
REQUESTS = st.builds(
    TaskRequest,
    name=TEXT,
    kind=st.sampled_from(TaskKind),
    initiator=TEXT,
    providers=st.lists(TEXT, max_size=3).map(tuple),
    token=TEXT,
)
ENDS = st.builds(
    EndRecord,
    task=TEXT,
    outcome=TEXT,
    exit_code=CODE,
    ended_at=TIME,
    receipt_digest=st.none() | TEXT,
    platform=TEXT,
    certificate=TEXT,
    signature=st.binary(max_size=20),
)
HEADS = st.builds(
    SignedHead,
    log=TEXT,
    number=NUMBER,
    digest=TEXT,
    task=TEXT,
    time=TIME,
    certificate=TEXT,
    signature=st.binary(max_size=20),
)
HELLOS = st.builds(Hello, api_version=st.integers(0, 2**32 - 1), software=TEXT, platform=TEXT)
REPLIES = st.builds(AttestReply, evidence=st.binary(max_size=50), config=st.binary(max_size=50))

VALUES = st.one_of(
    st.tuples(st.just("hello"), HELLOS),
    st.tuples(st.just("task_request"), REQUESTS),
    st.tuples(st.just("task_id"), TEXT),
    st.tuples(st.just("nothing"), st.none()),
    st.tuples(st.just("task_status"), STATUSES),
    st.tuples(st.just("task_list"), st.lists(STATUSES, max_size=3).map(tuple)),
    st.tuples(st.just("end_record"), ENDS),
    st.tuples(st.just("head"), HEADS),
    st.tuples(st.just("heads"), st.lists(HEADS, max_size=3).map(tuple)),
    st.tuples(st.just("nonce"), st.binary(max_size=50)),
    st.tuples(st.just("attest_reply"), REPLIES),
    st.tuples(st.just("envelope"), st.builds(Piece, st.binary(max_size=200), st.booleans())),
)
METHODS = (
    wire.HANDSHAKE,
    wire.CREATE_TASK,
    wire.GET_TASK,
    wire.LIST_TASKS,
    wire.CANCEL_TASK,
    wire.END_RECORD,
    wire.EXCHANGE_HEADS,
    wire.RELAY,
    wire.ATTEST,
    wire.CHANNEL,
)


@settings(deadline=None)
@given(VALUES)
def test_there_and_back(named):
    name, value = named
    encoded = getattr(wire, f"encode_{name}")(value)
    assert getattr(wire, f"decode_{name}")(encoded) == value


@settings(deadline=None)
@given(st.binary(max_size=100), st.sampled_from(METHODS))
def test_hostile_bytes_raise_one_error(data, method):
    for decode in (method.decode_request, method.decode_reply):
        with contextlib.suppress(RemoteProtocolError):
            decode(data)


@settings(deadline=None)
@given(STATUSES, st.data())
def test_altered_bytes_raise_one_error(status, data):
    encoded = bytearray(wire.encode_task_status(status))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(RemoteProtocolError):
        wire.decode_task_status(bytes(encoded))


@pytest.mark.parametrize("decode", [wire.decode_task_request, wire.decode_task_status])
def test_an_unknown_kind_is_refused(decode):
    with pytest.raises(RemoteProtocolError, match="malformed"):
        decode(b"")


@pytest.mark.parametrize("time", [-1, limits.LATEST_TIME + 1, 2**62])
@pytest.mark.parametrize("field", ["created_at", "ended_at", "waiting_since", "no_room_since"])
def test_a_time_that_can_not_be_shown_is_refused(field, time):
    """It would stop the one who shows it, with an error of the clock's."""
    encoded = pb.TaskStatus(kind="train", state="running", **{field: time}).SerializeToString()
    with pytest.raises(RemoteProtocolError, match="malformed"):
        wire.decode_task_status(encoded)


@pytest.mark.parametrize(
    ("message", "decode"),
    [(pb.SignedEndRecord(), wire.decode_end_record), (pb.SignedHead(), wire.decode_head)],
)
def test_so_is_one_of_an_end_and_of_a_head(message, decode):
    field = "ended_at" if isinstance(message, pb.SignedEndRecord) else "time"
    decode(message.SerializeToString())
    setattr(message, field, limits.LATEST_TIME + 1)
    with pytest.raises(RemoteProtocolError, match="malformed"):
        decode(message.SerializeToString())


@pytest.mark.parametrize("field", ["id", "name", "initiator", "enclave_address", "phase", "outcome"])
def test_what_would_move_a_terminals_cursor_is_refused(field):
    fields = {"id": "", "name": "", "initiator": "", "kind": TaskKind.TRAIN, "state": TaskState.ENDED}
    status = TaskStatus(**{**fields, "providers": (), "created_at": 0, field: "\x1b[2J"})
    with pytest.raises(RemoteProtocolError):
        wire.decode_task_status(wire.encode_task_status(status))


def test_every_described_method_is_mapped():
    described = {f"/confide.v1.{s}/{m}" for s in ("Host", "Enclave") for m in wire.methods_of(s)}
    assert {method.path for method in METHODS} == described


def test_generated_code_fits_the_proto_file():
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    script = Path(__file__).parents[3] / "scripts" / "generate_proto.py"
    subprocess.run([sys.executable, "-W", "ignore", script, "--check"], check=True, timeout=60)
