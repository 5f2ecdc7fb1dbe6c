"""The recorded vectors hold for the product, and the generator still makes them."""

import json
import runpy
from pathlib import Path

import pytest

from confide.core.errors import SealError, SignatureInvalid
from confide.crypto import signatures
from confide.crypto.ratchet import Direction, Ratchet
from confide.crypto.sealed import session_keys

ROOT = Path(__file__).resolve().parents[2]
SIGNATURES = json.loads((ROOT / "vectors" / "signatures.json").read_text())["vectors"]
SEALED = json.loads((ROOT / "vectors" / "sealed.json").read_text())
SECRET, CONTEXT = bytes.fromhex(SEALED["secret"]), bytes.fromhex(SEALED["context"])


def by_name(row):
    return row["name"]


@pytest.mark.parametrize("row", SIGNATURES, ids=by_name)
def test_signature(row):
    arguments = (
        bytes.fromhex(row["public_key"]),
        row["context"],
        bytes.fromhex(row["message"]),
        bytes.fromhex(row["signature"]),
    )
    if row["valid"]:
        signatures.verify(*arguments)
    else:
        with pytest.raises(SignatureInvalid):
            signatures.verify(*arguments)


@pytest.mark.parametrize("key_bytes", [16, 32])
@pytest.mark.parametrize("direction", list(Direction))
def test_ratchet(direction, key_bytes):
    ratchet = Ratchet(SECRET, CONTEXT, direction, key_bytes=key_bytes)
    rows = [r for r in SEALED["ratchet"] if (r["direction"], r["key_bytes"]) == (direction, key_bytes)]
    assert len(rows) >= 3
    for row in rows:
        assert (ratchet.epoch, ratchet.key.hex()) == (row["epoch"], row["key"])
        ratchet.advance(row["messages"])


@pytest.mark.parametrize("run", SEALED["good"], ids=lambda run: f"aes-{run['key_bytes'] * 8}")
def test_good_run(run):
    sealing, _ = session_keys(SECRET, CONTEXT, side="party", key_bytes=run["key_bytes"])
    _, opening = session_keys(SECRET, CONTEXT, side="enclave", key_bytes=run["key_bytes"])
    for row in run["messages"]:
        plaintext, envelope = bytes.fromhex(row["plaintext"]), bytes.fromhex(row["envelope"])
        assert sealing.seal(plaintext, row["epoch"]) == envelope
        assert opening.open(envelope, max_epoch=row["epoch"]) == (row["epoch"], plaintext)


@pytest.mark.parametrize("run", SEALED["bad"], ids=by_name)
def test_bad_run(run):
    _, opening = session_keys(SECRET, CONTEXT, side="enclave")
    *opened, refused = [bytes.fromhex(text) for text in run["envelopes"]]
    for envelope in opened:
        opening.open(envelope, max_epoch=run["max_epoch"])
    with pytest.raises(SealError):
        opening.open(refused, max_epoch=run["max_epoch"])


def test_generator_still_makes_the_recorded_files():
    script = runpy.run_path(str(ROOT / "scripts" / "make_vectors_crypto.py"))
    for name, make in script["DOCUMENTS"].items():
        assert script["render"](make()) == (ROOT / "vectors" / name).read_text(), name
