"""The recorded evidence gives the recorded verdicts, and the generator still makes it."""

import json
import runpy
from pathlib import Path

import pytest

from confide.attestation.binding import Binding, verify_evidence
from confide.attestation.policy import standard
from confide.attestation.roots import TrustRoots
from confide.core.errors import AttestationError

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((ROOT / "vectors" / "attestation.json").read_text())
EXPECTED = Binding.to(
    public_key=bytes.fromhex(DOCUMENT["public_key"]),
    nonce=bytes.fromhex(DOCUMENT["nonce"]),
    hpke_key=bytes.fromhex(DOCUMENT["hpke_key"]),
    config=bytes.fromhex(DOCUMENT["config"]),
)


def verdict(row):
    try:
        verify_evidence(
            bytes.fromhex(row["evidence"]),
            DOCUMENT["collateral"][row["collateral"]].encode(),
            expected=EXPECTED,
            roots=TrustRoots([bytes.fromhex(DOCUMENT["root"])]),
            policy=standard(measurements=[DOCUMENT["measurement"]]),
            now=row["now"],
        )
    except AttestationError as error:
        return error.code
    return None


@pytest.mark.parametrize("row", DOCUMENT["vectors"], ids=lambda row: row["name"])
def test_verdict(row):
    assert verdict(row) == row["error"]


def test_every_kind_of_refusal_has_a_vector():
    codes = {row["error"] for row in DOCUMENT["vectors"]}
    assert codes == {None, "CFD-201", "CFD-202", "CFD-203", "CFD-204", "CFD-205", "CFD-206"}


def test_generator_still_makes_them():
    made = runpy.run_path(str(ROOT / "scripts" / "make_vectors_attestation.py"))["document"]()
    assert made == DOCUMENT
