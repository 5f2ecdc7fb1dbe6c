"""The recorded vectors of the protocol hold for the product, and the generator still makes them."""

import json
import runpy
from pathlib import Path

import pytest

from confide.core import canonical
from confide.core.canonical import NotCanonical
from confide.core.digest import digest_of, sha384_hex
from confide.core.errors import AgreementMismatch, ConfideError, ReceiptInvalid, RemoteProtocolError
from confide.crypto import signatures
from confide.protocol import blocks, framing, receipts
from confide.protocol.blocks import PredictBlock, TrainBlock
from confide.protocol.kinds import Kind

ROOT = Path(__file__).resolve().parents[2]


def load(name):
    return json.loads((ROOT / "vectors" / f"{name}.json").read_text())


CANONICAL, MESSAGES, BLOCKS, RECEIPTS = map(load, ("canonical", "messages", "blocks", "receipts"))


def name_of(row):
    return row.get("name") or row["kind"]


def keys_of(row):
    return {name: bytes.fromhex(key) for name, key in row["keys"].items()}


@pytest.mark.parametrize("row", CANONICAL["good"], ids=name_of)
def test_good_canonical(row):
    data = bytes.fromhex(row["bytes"])
    assert canonical.encode(row["value"]) == data
    assert canonical.encode(json.loads(data)) == data
    assert sha384_hex(data) == row["sha384"]


@pytest.mark.parametrize("row", CANONICAL["bad"], ids=name_of)
def test_bad_canonical(row):
    if "repeat" in row:
        opening, closing = row["repeat"]
        data = (opening * row["times"] + closing * row["times"]).encode()
        with pytest.raises(NotCanonical):
            canonical.decode(data, list)
        return
    with pytest.raises(NotCanonical):
        canonical.decode_plain(bytes.fromhex(row["bytes"]))


def test_every_kind_of_message_is_there():
    assert {row["kind"] for row in MESSAGES["good"]} == set(Kind)


@pytest.mark.parametrize("row", MESSAGES["good"], ids=name_of)
def test_good_message(row):
    data = bytes.fromhex(row["encoded"])
    spoken = framing.decode(data)
    assert (spoken.message.kind, spoken.payload.hex()) == (row["kind"], row["payload"])
    assert framing.encode(spoken) == data


@pytest.mark.parametrize("row", MESSAGES["bad"], ids=name_of)
def test_bad_message(row):
    with pytest.raises(RemoteProtocolError):
        framing.decode(bytes.fromhex(row["encoded"]))


@pytest.mark.parametrize("row", BLOCKS["blocks"], ids=name_of)
def test_block(row):
    kind = {"train": TrainBlock, "predict": PredictBlock}[row["name"]]
    data = row["canonical"].encode()
    block = canonical.decode(data, kind)
    assert canonical.encode(block) == data
    assert digest_of(block) == row["sha384"]
    other = TrainBlock if kind is PredictBlock else PredictBlock
    with pytest.raises(NotCanonical):
        canonical.decode(data, other)


@pytest.mark.parametrize("row", BLOCKS["signed"], ids=name_of)
def test_signed_block(row):
    signed = blocks.decode_signed_block(row["signed"].encode())
    arguments = (signed, keys_of(row), BLOCKS["certificates"], signatures.verify)
    if not row["error"]:
        blocks.check_signatures(*arguments)
        return
    with pytest.raises(ConfideError) as caught:
        blocks.check_signatures(*arguments)
    assert caught.value.code == row["error"]


@pytest.mark.parametrize("row", BLOCKS["bad"], ids=name_of)
def test_bad_block(row):
    with pytest.raises(AgreementMismatch):
        blocks.decode_signed_block(row["signed"].encode())


@pytest.mark.parametrize("row", RECEIPTS["receipts"], ids=name_of)
def test_receipt(row):
    if row["valid"]:
        signed = receipts.decode_signed_receipt(row["receipt"].encode())
        receipts.check_signatures(signed, keys_of(row), signatures.verify)
        return
    with pytest.raises(ReceiptInvalid):
        receipts.check_signatures(
            receipts.decode_signed_receipt(row["receipt"].encode()), keys_of(row), signatures.verify
        )


def test_the_nonce_of_the_closing_evidence():
    signed = receipts.decode_signed_receipt(RECEIPTS["receipts"][0]["receipt"].encode())
    assert receipts.evidence_nonce(signed.receipt.rounds).hex() == RECEIPTS["evidence_nonce"]


def test_generator_still_makes_the_recorded_files(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    script = runpy.run_path(str(ROOT / "scripts" / "make_vectors_protocol.py"))
    for name, make in script["DOCUMENTS"].items():
        assert script["render"](make()) == (ROOT / "vectors" / name).read_text(), name
