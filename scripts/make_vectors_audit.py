"""Write vectors/audit.json: a log, damaged ones with what is said of them, and a head; `--check` compares.

Deterministic: times are given, P-384 signatures are derived (RFC 6979). The key is for this file only.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from protocol_examples import KEYS, digest

from confide.audit.chain import read_chain
from confide.audit.entry import DONE, Entry, Event, Moment, Object, Operation, chained
from confide.core.platform_api import AUDIT_HEAD_CONTEXT, SignedHead

TARGET = Path(__file__).resolve().parent.parent / "vectors" / "audit.json"
TASK = "0123456789abcdef" * 2
OWNER = "urn:confide:party:shop"
NOW = 1_800_000_000


def events() -> list[Event]:
    manifest = Object(kind="manifest", digest=digest("manifest"), rows=10, bytes=500)
    data = Object(kind="dataset", digest=digest("commitment"), rows=10, bytes=500)
    shop = {"actor": "shop", "task": TASK, "agreement": digest("block")}
    after = {"moment": Moment.AFTER, "outcome": DONE}
    return [
        Event(actor="shop", operation=Operation.BEGIN, **after),
        Event(actor="shop", operation=Operation.PREPARE, moment=Moment.BEFORE),
        Event(actor="shop", operation=Operation.PREPARE, object=manifest, **after),
        Event(operation=Operation.UPLOAD, moment=Moment.BEFORE, object=data, **shop),
        Event(operation=Operation.UPLOAD, moment=Moment.AFTER, outcome="CFD-120", **shop),
    ]


def log() -> list[bytes]:
    entries: list[Entry] = []
    for second, event in enumerate(events()):
        last = entries[-1] if entries else None
        entries.append(chained(event, last, log=OWNER, time=NOW + second))
    return [entry.line() for entry in entries]


def damaged(lines: list[bytes]) -> dict[str, list[bytes]]:
    return {
        "the first line is missing": lines[1:],
        "a line is missing": [*lines[:2], *lines[3:]],
        "two lines changed places": [lines[0], lines[2], lines[1], *lines[3:]],
        "a line twice": [*lines[:2], lines[1], *lines[2:]],
        "a count was altered": [*lines[:2], lines[2].replace(b'"rows":10', b'"rows":11'), *lines[3:]],
        "a field that is unknown": [*lines[:4], lines[4].replace(b'{"actor"', b'{"a":1,"actor"')],
        "not canonical": [*lines[:4], lines[4].replace(b":", b": ", 1)],
        "an operation that is not listed": [*lines[:4], lines[4].replace(b'"upload"', b'"peruse"')],
        "an empty line": [*lines, b"\n"],
    }


def said_of(lines: list[bytes]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.jsonl"
        path.write_bytes(b"".join(lines))
        return read_chain(path).broken.partition(":")[0]  # the rest is a library's


def head(last: bytes) -> dict[str, object]:
    entry = json.loads(last)
    unsigned = SignedHead(
        log=OWNER, number=entry["number"], digest=entry["digest"], task=TASK, time=NOW + 9, certificate="PEM"
    )
    key = KEYS["shop"]
    signature = key.sign(AUDIT_HEAD_CONTEXT, unsigned.message())
    fields = dataclasses.asdict(unsigned) | {"signature": signature.hex()}
    return {"head": fields, "message": unsigned.message().decode(), "public_key": key.public_key.hex()}


def render() -> str:
    lines = log()
    bad = [
        {"name": name, "lines": [line.decode() for line in found], "says": said_of(found)}
        for name, found in damaged(lines).items()
    ]
    document = {"log": [line.decode() for line in lines], "bad": bad, "signed_head": head(lines[-1])}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    if "--check" not in sys.argv:
        TARGET.write_text(render(), encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != render():
        sys.exit(f"{TARGET.name} would change: run scripts/make_vectors_audit.py")


if __name__ == "__main__":
    main()
