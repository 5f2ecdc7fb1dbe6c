"""What arrives over the wire: protobuf, sealed envelopes, frames, JOIN, agreements, receipts, status."""

from fakes.examples import EXAMPLES, RECEIPT, SIGNED, signed_receipt
from fuzzing.harness import Target
from fuzzing.mutations import any_bytes, canonical_json, framed, json_tree, lines, one_of

from confide.core import canonical, enclave_config, limits, names
from confide.core.errors import (
    AgreementMismatch,
    ReceiptInvalid,
    RemoteProtocolError,
    SealError,
    SignatureInvalid,
)
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
from confide.crypto.sealed import session_keys
from confide.crypto.session_secret import HpkeKey, open_secret, seal_secret
from confide.mpc.greeting import Greeting
from confide.platform import status_lines
from confide.protocol import blocks, framing, provenance, receipts
from confide.transport import wire
from confide.transport.pieces import Piece

TASK = "0123456789abcdef" * 2
STATUS = TaskStatus(
    id=TASK,
    name="clicks",
    kind=TaskKind.TRAIN,
    state=TaskState.ENDED,
    initiator="shop",
    providers=("media", "maps"),
    created_at=1_800_000_000,
    enclave_address="127.0.0.1:40000",
    phase="training",
    waiting_for=("media",),
    ended_at=1_800_000_100,
    outcome="completed",
    exit_code=0,
)
RECORD = EndRecord(
    task=TASK,
    outcome="completed",
    exit_code=0,
    ended_at=1_800_000_100,
    receipt_digest="0a" * 48,
    platform="cloud",
    certificate=b"certificate" * 20,
    signature=b"s" * 96,
)
HEAD = SignedHead(
    log="urn:confide:party:shop",
    number=7,
    digest="0a" * 48,
    task=TASK,
    time=1_800_000_000,
    certificate="certificate" * 20,
    signature=b"s" * 96,
)
REQUEST = TaskRequest(
    name="clicks", kind=TaskKind.TRAIN, initiator="shop", providers=("media",), token="t" * 16
)


PIECES = (Piece(b"sealed" * 9), Piece(b"sealed" * 9, more=True))


def _wire(name, decode, *examples, weight=12):
    def parse(data):
        decode(data)

    return Target(f"wire-{name}", examples, parse, (RemoteProtocolError,), weight=weight)


def _wire_targets():
    hello = Hello(api_version=1, software="0.1.0", platform="cloud")
    return [
        _wire("hello", wire.decode_hello, wire.encode_hello(hello)),
        _wire("task-request", wire.decode_task_request, wire.encode_task_request(REQUEST)),
        _wire("task-id", wire.decode_task_id, wire.encode_task_id(TASK)),
        _wire("nothing", wire.decode_nothing, wire.encode_nothing(None), wire.encode_task_id(TASK)),
        _wire("task-status", wire.decode_task_status, wire.encode_task_status(STATUS)),
        _wire("task-list", wire.decode_task_list, wire.encode_task_list((STATUS, STATUS))),
        _wire("end-record", wire.decode_end_record, wire.encode_end_record(RECORD)),
        _wire("head", wire.decode_head, wire.encode_head(HEAD)),
        _wire("heads", wire.decode_heads, wire.encode_heads((HEAD, HEAD))),
        _wire("nonce", wire.decode_nonce, wire.encode_nonce(b"n" * 32)),
        _wire(
            "attest-reply",
            wire.decode_attest_reply,
            wire.encode_attest_reply(AttestReply(evidence=b"e" * 64, config=b"{}")),
        ),
        _wire("envelope", wire.decode_envelope, *map(wire.encode_envelope, PIECES)),
    ]


# --- sealed messages -------------------------------------------------------------------------------------

_SECRET, _CONTEXT = b"s" * 32, b"context"


def _envelopes():
    sealing, _ = session_keys(_SECRET, _CONTEXT, side="party")
    return [sealing.seal(b"a message", 0), sealing.seal(b"b" * 300, 0), sealing.seal(b"", 3)]


ENVELOPES = _envelopes()


def _open_envelope(data):
    """Only the first envelope of the party may open in a fresh channel, and only as it was sealed."""
    _, opening = session_keys(_SECRET, _CONTEXT, side="enclave")
    epoch, plaintext = opening.open(data, max_epoch=4)
    assert data == ENVELOPES[0], (epoch, plaintext)


_HPKE = HpkeKey.generate()
_SEALED = seal_secret(b"x" * 32, _HPKE.public_key, b"info")


def _open_secret(data):
    open_secret(_HPKE, data, b"info")
    assert data == _SEALED


# --- documents -------------------------------------------------------------------------------------------

FRAMES = [framing.encode(spoken) for spoken in EXAMPLES.values()]


def _decode_message(data):
    assert framing.encode(framing.decode(data)) == data


def _decode_agreement(data):
    assert canonical.encode(blocks.decode_signed_block(data)) == data


RECEIPT_BYTES = [canonical.encode(signed_receipt(RECEIPT, private=private)) for private in (True, False)]


def _check_receipt(data):
    """Decoded, then its signatures checked under the keys of those it must be signed by."""
    from fakes.examples import PUBLIC  # noqa: PLC0415 — examples are made when they are first asked for

    signed = receipts.decode_signed_receipt(data)
    receipts.check_signatures(signed, PUBLIC, _verify)
    assert canonical.encode(signed.receipt) == canonical.encode(RECEIPT)


def _verify(key, context, message, signature):
    from confide.crypto import signatures  # noqa: PLC0415

    signatures.verify(key, context, message, signature)


# --- the enclave's configuration and its status lines ----------------------------------------------------


def _configurations():
    from fakes.shop import world  # noqa: PLC0415 — makes keys

    return [world().config.encode()]


def _decode_configuration(data):
    assert enclave_config.decode(data).encode() == data


STATUS_LINES = (
    b'{"event":"ready","address":"127.0.0.1:40000"}',
    b'{"event":"heartbeat"}',
    b'{"event":"state","state":"training","waiting_for":["media"]}',
    b'{"event":"closed","outcome":"completed","receipt_digest":"' + b"0a" * 48 + b'"}',
)


def _status_line(data):
    """Never an error: a line that is none is None; what is one is short and fit for a terminal."""
    splitter = status_lines.LineSplitter()
    for line in [*splitter.feed(data[: len(data) // 2]), *splitter.feed(data[len(data) // 2 :] + b"\n")]:
        assert len(line) <= limits.MAX_STATUS_LINE_BYTES
        event = status_lines.parse(line)
        for text in (
            getattr(event, "state", ""),
            getattr(event, "outcome", ""),
            getattr(event, "address", ""),
        ):
            assert text.isprintable()


def _task_id(data):
    names.check_task_id(data.decode("utf-8", "surrogateescape"))


def _any_json(data):
    assert canonical.encode(canonical.decode_plain(data)) == data


def _join_targets():
    from fuzzing.join import GOOD, accept  # noqa: PLC0415 — makes keys

    return Target(
        "join",
        [GOOD],
        accept,
        (RemoteProtocolError, SignatureInvalid, SealError),
        [framed(json_tree), framed(any_bytes)],
    )


_ENVELOPE = canonical.encode(provenance.envelope(RECEIPT.rounds[0].result, b"s" * 96, b"key"))


def _result_envelope(data):
    """What is accepted is about one file, and says the same again."""
    read = provenance.decode_envelope(data)
    assert provenance.signed_bytes(read.result()) == read.payload


_GREETING = Greeting(found=True, cache="0" * 32, fresh="1" * 32)


def _greet(data):
    assert Greeting.decode(data).encode() == data


def targets():
    document = canonical_json({"a": [1, 0.5, None, True, "é"], "b": {"c": {"d": []}}})
    return [
        *_wire_targets(),
        Target("sealed-envelope", ENVELOPES[:1], _open_envelope, (SealError,), weight=12, depth="shallow"),
        Target("sealed-secret", [_SEALED], _open_secret, (SealError,), depth="shallow"),
        Target(
            "message-frame", FRAMES, _decode_message, (RemoteProtocolError,), [framed(json_tree)], weight=6
        ),
        Target(
            "signed-block",
            [canonical.encode(SIGNED)],
            _decode_agreement,
            (AgreementMismatch,),
            [json_tree],
            weight=6,
        ),
        Target(
            "signed-receipt",
            RECEIPT_BYTES,
            _check_receipt,
            (ReceiptInvalid, SignatureInvalid),
            [json_tree],
            weight=6,
        ),
        Target(
            "enclave-config",
            _configurations(),
            _decode_configuration,
            (RemoteProtocolError,),
            [json_tree],
            weight=6,
        ),
        Target("status-line", STATUS_LINES, _status_line, (), [one_of(json_tree, lines)], weight=4),
        Target("result-envelope", [_ENVELOPE], _result_envelope, (canonical.NotCanonical,), [json_tree]),
        Target("greeting", [_GREETING.encode()], _greet, (RemoteProtocolError,), [json_tree], weight=4),
        Target("canonical-json", [document], _any_json, (canonical.NotCanonical,), [json_tree], weight=12),
        Target("task-id", [TASK.encode()], _task_id, (ValueError,), weight=12),
        _join_targets(),
    ]
