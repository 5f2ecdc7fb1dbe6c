"""vectors/audit.json, replayed by the product."""

import json
from pathlib import Path

import pytest

from confide.audit.chain import read_chain
from confide.core.errors import AuditInvalid, SignatureInvalid
from confide.core.platform_api import AUDIT_HEAD_CONTEXT, SignedHead
from confide.crypto import signatures

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "vectors" / "audit.json").read_bytes())


def chain_of(lines, folder):
    path = folder / "audit.jsonl"
    path.write_text("".join(lines))
    return read_chain(path)


def test_the_log_holds(tmp_path):
    chain = chain_of(VECTORS["log"], tmp_path)
    chain.require_whole()
    assert [entry.line().decode() for entry in chain.entries] == VECTORS["log"]


@pytest.mark.parametrize("row", VECTORS["bad"], ids=lambda row: row["name"])
def test_a_damaged_log_is_refused_in_these_words(tmp_path, row):
    chain = chain_of(row["lines"], tmp_path)
    assert chain.broken.partition(":")[0] == row["says"]
    with pytest.raises(AuditInvalid):
        chain.require_whole()


def test_the_head_is_signed():
    row = VECTORS["signed_head"]
    signature = bytes.fromhex(row["head"]["signature"])
    head = SignedHead(**{**row["head"], "signature": signature})
    assert head.message().decode() == row["message"]
    key = bytes.fromhex(row["public_key"])
    signatures.verify(key, AUDIT_HEAD_CONTEXT, head.message(), signature)
    with pytest.raises(SignatureInvalid):
        signatures.verify(key, "confide/end-record/1", head.message(), signature)
