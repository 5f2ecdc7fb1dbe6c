"""Write vectors/{canonical,messages,blocks,receipts}.json; with --check, fail if they would change.

Deterministic: see protocol_examples.py; P-384 signatures are deterministic (RFC 6979).
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from protocol_examples import (
    CERTIFICATES,
    EXAMPLES,
    KEYS,
    PREDICT_BLOCK,
    PUBLIC,
    RECEIPT,
    REPORT,
    SIGNED,
    TRAIN_BLOCK,
    signed_block,
    signed_receipt,
)

from confide.core import canonical
from confide.core.digest import digest_of
from confide.protocol import blocks, evaluation, framing, receipts
from confide.protocol.kinds import Kind

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
Document = dict[str, object]
Row = dict[str, object]


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


# --- canonical.json ----------------------------------------------------------------------------------

GOOD_VALUES: dict[str, Any] = {
    "empty object": {},
    "keys in UTF-16 order": {"\U0001f600": 1, "ﬀ": 2, "z": 3, "a": 4},
    "numbers": [0, -1, 1.5, 1e21, 1e-7, 0.1, 9007199254740991, -9007199254740991],
    "a float that is whole": {"x": 2.0},
    "strings": ["", '"\\/\b\f\n\r\t', "\u0000\u001f\u007f", "é", "\u2028"],
    "constants": [True, False, None],
    "nested": {"b": [{"d": {}, "c": []}], "a": {"b": {"a": "b"}}},
}
BAD_BYTES = {
    "nothing": b"",
    "a space": b'{"a": 1}',
    "a line break at the end": b"{}\n",
    "keys out of order": b'{"b":1,"a":2}',
    "a key twice": b'{"a":1,"a":2}',
    "an exponent that is not needed": b'{"a":1e0}',
    "a zero fraction": b'{"a":1.0}',
    "negative zero": b'{"a":-0}',
    "a leading zero": b'{"a":01}',
    "an escape that is not needed": b'{"a":"\\u0061"}',
    "an escaped solidus": b'{"a":"\\/"}',
    "upper-case hexadecimal in an escape": b'{"a":"\\u001F"}',
    "a lone surrogate": b'{"a":"\\ud800"}',
    "an integer beyond 2^53": b'{"a":9007199254740993}',
    "a number that is not finite": b'{"a":1e999}',
    "NaN": b'{"a":NaN}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "not UTF-8": b'{"a":"\xff"}',
    "a comment": b"{}//",
    "two documents": b"{}{}",
    "truncated": b'{"a":',
    "nested too deeply": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


def canonical_document() -> Document:
    good = [
        {"name": name, "bytes": canonical.encode(value).hex(), "sha384": digest_of(value), "value": value}
        for name, value in GOOD_VALUES.items()
    ]
    bad = [{"name": name, "bytes": data.hex()} for name, data in BAD_BYTES.items() if len(data) < 1000]
    deep = {"name": "nested too deeply", "repeat": ["[", "]"], "times": 100_000}
    return {
        "about": "RFC 8785. Good: the value's only encoding, hex. Bad: refused. 'repeat': n times.",
        "format": "confide-vectors/canonical/1",
        "good": good,
        "bad": [*bad, deep],
    }


# --- messages.json -----------------------------------------------------------------------------------


def framed(header: str, payload: bytes = b"") -> bytes:
    data = header.encode()
    return len(data).to_bytes(4, "big") + data + payload


def bad_messages() -> Iterator[tuple[str, bytes]]:
    good = framing.encode(EXAMPLES[Kind.DATA_BLOCK])
    zero = "0" * 96
    yield "nothing", b""
    yield "no header", bytes(4)
    yield "three bytes of length", good[:3]
    yield "length beyond the end", (2**32 - 1).to_bytes(4, "big") + good[4:]
    yield "length one too large", (len(good) - 3).to_bytes(4, "big") + good[4:]
    yield "length one too small", (int.from_bytes(good[:4], "big") - 1).to_bytes(4, "big") + good[4:]
    for kind in (Kind.CLOSE, Kind.UPLOADED, Kind.ABORT, Kind.RESULT, Kind.RESULT_END):
        encoded = framing.encode(EXAMPLES[kind])
        yield f"{kind}: payload where none belongs", encoded + b"x"
        yield f"{kind}: truncated", encoded[:-1]
    yield "unknown message", framed('{"message":"hello"}')
    yield "no message", framed("{}")
    yield "not an object", framed('["close"]')
    yield "unknown field", framed('{"message":"close","why":"done"}')
    yield "missing field", framed('{"message":"data-block"}')
    yield "default left out", framed(f'{{"commitment":"{zero}","message":"commit"}}')
    yield "wrong type: text for a number", framed('{"index":"3","message":"data-block"}')
    yield "wrong type: fraction for a number", framed('{"index":3.5,"message":"data-block"}')
    yield "negative index", framed('{"index":-1,"message":"data-block"}')
    yield "index too large", framed('{"index":65536,"message":"data-block"}')
    yield "digest too short", framed(f'{{"message":"acknowledge","sha384":"{zero[1:]}"}}')
    yield "digest in upper case", framed(f'{{"message":"acknowledge","sha384":"{zero[1:]}A"}}')
    yield "digest with a line break", framed(f'{{"message":"acknowledge","sha384":"{zero}\\n"}}')
    yield "code with a line break", framed('{"blame":"","code":"CFD-118\\n","message":"abort","reason":""}')
    yield (
        "name with a line break",
        framed('{"differing":["shop\\n"],"attempts_left":1,"message":"reconfirm"}'),
    )
    yield "a space", framed('{"message": "close"}')
    yield "keys out of order", framed('{"message":"data-block","index":3}')
    yield "a key twice", framed('{"index":3,"index":3,"message":"data-block"}')
    yield "base64 without padding", framed('{"message":"signature","signature":"eA"}')
    yield "base64 with stray bits", framed('{"message":"signature","signature":"eB=="}')
    yield "salt too short", framed('{"message":"opening","salt":"eHg="}')
    yield (
        "ranges out of order",
        framed('{"attempts_left":1,"blocks":[[4,5],[0,1]],"message":"wanted","model_from":null}'),
    )
    yield (
        "ranges that could be one",
        framed('{"attempts_left":1,"blocks":[[0,1],[2,3]],"message":"wanted","model_from":null}'),
    )
    yield (
        "a range of three numbers",
        framed('{"attempts_left":1,"blocks":[[0,1,2]],"message":"wanted","model_from":null}'),
    )
    yield "text too long", framed(f'{{"message":"decline","reason":"{"x" * 1025}"}}')


def messages_document() -> Document:
    good = [
        {"kind": kind, "encoded": framing.encode(spoken).hex(), "payload": spoken.payload.hex()}
        for kind, spoken in EXAMPLES.items()
    ]
    return {
        "about": "Inside the seal: header length (u32, big-endian) || canonical header || payload. Hex.",
        "format": "confide-vectors/messages/1",
        "good": good,
        "bad": [{"name": name, "encoded": data.hex()} for name, data in bad_messages()],
    }


# --- blocks.json -------------------------------------------------------------------------------------


def text(document: Any) -> str:
    return canonical.encode(document).decode()


def signed_rows() -> Iterator[Row]:
    def row(name: str, signed: blocks.SignedBlock, error: str = "", **given: Any) -> Row:
        keys = {who: key.hex() for who, key in (PUBLIC | given).items() if key}
        return {"name": name, "signed": text(signed), "keys": keys, "error": error}

    altered = replace(SIGNED, block=replace(TRAIN_BLOCK, agreed_at=1))
    moved = replace(SIGNED, block=PREDICT_BLOCK)
    without = {"shop": SIGNED.signatures["shop"]}
    wrong = SIGNED.signatures | {"media": flip(SIGNED.signatures["media"])}
    swapped = dict(zip(SIGNED.signatures, reversed(SIGNED.signatures.values()), strict=True))
    other = {"shop": TRAIN_BLOCK.identities["shop"], "media": TRAIN_BLOCK.identities["shop"]}
    foreign = signed_block(replace(TRAIN_BLOCK, identities=other))
    yield row("good: training", SIGNED)
    yield row("good: prediction", signed_block(PREDICT_BLOCK))
    yield row("block altered", altered, "CFD-302")
    yield row("signatures of a training on a prediction", moved, "CFD-302")
    yield row("a signature altered", replace(SIGNED, signatures=wrong), "CFD-302")
    yield row("signatures swapped", replace(SIGNED, signatures=swapped), "CFD-302")
    yield row("the enclave's signature altered", replace(SIGNED, enclave_signature=b""), "CFD-302")
    yield row("a party's key is another", SIGNED, "CFD-302", media=KEYS["stranger"].public_key)
    yield row("a signature missing", replace(SIGNED, signatures=without), "CFD-121")
    yield row("a key missing", SIGNED, "CFD-121", media=b"")
    yield row("another certificate in the block", foreign, "CFD-121")


def blocks_document() -> Document:
    good = {"train": TRAIN_BLOCK, "predict": PREDICT_BLOCK}
    plain = text(SIGNED)
    bad = {
        "nothing": "",
        "not JSON": "block",
        "a space": plain.replace(":", ": ", 1),
        "unknown field": plain.replace('{"block":', '{"a":1,"block":', 1),
        "unknown format": plain.replace("confide-train-block/1", "confide-train-block/2"),
        "field of another format": plain.replace("confide-train-block/1", "confide-predict-block/1"),
        "a role that there is not": plain.replace('"role":"provider"', '"role":"host"'),
        "task without features": plain.replace('"features":{', '"features":{"maps":[],', 1),
        "result to a provider": plain.replace('"to":"shop"', '"to":"media"'),
        "nothing released": text(replace(SIGNED, block=TRAIN_BLOCK)).replace(
            '"releases":[{"to":"shop","what":"model"}]', '"releases":[]'
        ),
    }
    return {
        "about": "Canonical bytes (as text) and SHA-384; signed blocks with the keys of their certificates.",
        "format": "confide-vectors/blocks/1",
        "blocks": [
            {"name": name, "canonical": text(block), "sha384": digest_of(block)}
            for name, block in good.items()
        ],
        "certificates": CERTIFICATES,
        "signed": list(signed_rows()),
        "bad": [{"name": name, "signed": data} for name, data in bad.items()],
    }


# --- receipts.json -----------------------------------------------------------------------------------


def receipt_rows() -> Iterator[Row]:
    good, bare = signed_receipt(RECEIPT, private=True), signed_receipt(RECEIPT, private=False)

    def row(name: str, signed: receipts.SignedReceipt | str, *, valid: bool = False, **given: bytes) -> Row:
        keys = {who: key.hex() for who, key in (PUBLIC | given).items() if key}
        data = signed if isinstance(signed, str) else text(signed)
        return {"name": name, "receipt": data, "keys": keys, "valid": valid}

    probed = evaluation.GateFigures(
        membership_advantage=0.0625, leakage_auc=0.75, leakage_field="media.time of day"
    )
    beside = replace(
        RECEIPT.rounds[0].result, held_out=receipts.HeldOutFile(sha384=RECEIPT.rounds[0].block, bytes=3)
    )
    gated = signed_receipt(
        replace(RECEIPT, rounds=(replace(RECEIPT.rounds[0], result=beside, gate=probed),)), private=True
    )
    altered = replace(RECEIPT, closed_at=1)
    wrong = good.signatures | {"media": flip(good.signatures["media"])}
    alone = {"participants": ("shop",), "signatures": {"shop": good.signatures["shop"]}}
    yield row("good, with the private part", good, valid=True)
    yield row("good, without it", bare, valid=True)
    yield row(
        "good: closed without a round", signed_receipt(replace(RECEIPT, rounds=()), private=False), valid=True
    )
    yield row("good: with the gate's figures and held-out predictions", gated, valid=True)
    yield row("the gate's figure altered", text(gated).replace("0.0625", "0.0125"))
    yield row("the gate's figures left out", text(gated).replace('"gate":' + text(probed) + ",", ""))
    yield row(
        "a gate's figure that is none", text(gated).replace('"leakage_auc":0.75', '"leakage_auc":"0.75"')
    )
    yield row("receipt altered", replace(good, receipt=altered))
    yield row("a signature altered", replace(good, signatures=wrong))
    yield row(
        "the enclave's signature altered", replace(good, enclave_signature=flip(good.enclave_signature))
    )
    yield row("a key is another", good, media=KEYS["stranger"].public_key)
    yield row("a participant left out", replace(good, **alone), media=b"")
    yield row("a participant without a signature", replace(good, signatures=alone["signatures"]), media=b"")
    yield row("nobody has signed", replace(good, participants=(), signatures={}), shop=b"", media=b"")
    other = replace(REPORT, metrics={"joint": {"auc": 0.99}})
    yield row("private part altered", replace(good, private=(other,)))
    yield row("private part twice", replace(good, private=(REPORT, REPORT)))
    yield row("truncated", text(good)[:-1])
    yield row("unknown field", text(good).replace('"host_end":', '"guest_end":1,"host_end":'))
    yield row("rows do not add up", text(good).replace('"joined":7', '"joined":8'))
    yield row("another destruction clause", text(good).replace("wipes its session", "keeps its session"))
    yield row("not canonical", text(good) + "\n")


def receipts_document() -> Document:
    return {
        "about": "Receipt files, as text, with the keys of their certificates. Evidence is not real here.",
        "format": "confide-vectors/receipts/1",
        "evidence_nonce": receipts.evidence_nonce(RECEIPT.rounds).hex(),
        "receipts": list(receipt_rows()),
    }


DOCUMENTS: dict[str, Callable[[], Document]] = {
    "canonical.json": canonical_document,
    "messages.json": messages_document,
    "blocks.json": blocks_document,
    "receipts.json": receipts_document,
}


def render(document: Document) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def main(documents: dict[str, Callable[[], Document]] = DOCUMENTS) -> int:
    check = sys.argv[1:] == ["--check"]
    stale = 0
    for name, make in documents.items():
        content, path = render(make()), VECTORS / name
        if check:
            stale += not path.exists() or path.read_text() != content
        else:
            path.write_text(content)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
