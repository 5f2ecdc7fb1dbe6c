import json
from urllib.parse import unquote

import pytest

from confide.attestation.collateral import parse
from confide_sim.pccs import respond
from confide_sim.tee import SimulatedTee

BASE = "/sgx/certification/v4/"
COLLATERAL = parse(SimulatedTee.from_seed(bytes(32), 0).collateral(0))


def test_tcb_info_is_the_signed_characters():
    kind, body, headers = respond(COLLATERAL, BASE + "tcb?fmspc=53494D000000")
    assert kind == "application/json"
    assert COLLATERAL.tcb_info.encode() in body
    assert json.loads(body)["signature"] == COLLATERAL.tcb_info_signature
    assert unquote(headers["TCB-Info-Issuer-Chain"]) == COLLATERAL.tcb_info_issuer_chain


def test_qe_identity():
    _, body, headers = respond(COLLATERAL, BASE + "qe/identity?update=standard")
    assert COLLATERAL.qe_identity.encode() in body
    assert unquote(headers["SGX-Enclave-Identity-Issuer-Chain"]) == COLLATERAL.qe_identity_issuer_chain


def test_revocation_lists():
    _, body, headers = respond(COLLATERAL, BASE + "pckcrl?ca=platform&encoding=der")
    assert body.hex() == COLLATERAL.pck_crl
    assert unquote(headers["SGX-PCK-CRL-Issuer-Chain"]) == COLLATERAL.pck_crl_issuer_chain
    _, body, _ = respond(COLLATERAL, BASE + "rootcacrl")
    assert body.decode() == COLLATERAL.root_ca_crl


@pytest.mark.parametrize(
    "target",
    [
        "/",
        BASE,
        BASE + "tcb",
        BASE + "tcb?fmspc=00A067110000",
        BASE + "pckcrl?ca=processor",
        "/tdx/certification/v4/tcb?fmspc=53494D000000",
    ],
)
def test_not_found(target):
    assert respond(COLLATERAL, target) is None
