import json
import re

import pytest
from cryptography import x509

from confide.attestation.policy import PlatformFlags, UnsafeAnyMeasurement
from confide.attestation.quote import parse
from confide.attestation.roots import TrustRoots
from confide.attestation.verifier import verify_quote
from confide.core.errors import PolicyViolation
from confide_sim.hardware import PlatformProperties
from confide_sim.tee import SimulatedTee

NOW = 1_800_000_000


class Randomness:
    def bytes(self, count):
        return bytes(range(count))


@pytest.fixture(scope="module")
def tee():
    return SimulatedTee(Randomness(), NOW)


def test_same_seed_same_bytes(tee):
    again = SimulatedTee.from_seed(bytes(range(32)), NOW)
    assert again.root_pem == tee.root_pem
    assert again.quote(bytes(64)) == tee.quote(bytes(64))
    assert again.collateral(NOW) == tee.collateral(NOW)


def test_every_certificate_says_simulated(tee):
    pem = tee.quote(bytes(64)) + "".join(map(str, json.loads(tee.collateral(NOW)).values())).encode()
    found = re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", pem, re.DOTALL)
    assert len(found) == 3 + 2 + 2 + 2
    for one in found:
        certificate = x509.load_pem_x509_certificate(one)
        assert "SIMULATED" in certificate.subject.rfc4514_string()
        assert "SIMULATED" in certificate.issuer.rfc4514_string()


def test_nothing_claims_to_be_intels(tee):
    text = tee.quote(bytes(64)) + tee.collateral(NOW)
    assert b"Intel" not in text
    assert json.loads(json.loads(tee.collateral(NOW))["tcb_info"])["fmspc"] == "53494D000000"


@pytest.mark.parametrize("flag", ["dynamic_platform", "cached_keys", "smt"])
def test_platform_flags_reach_the_claims(flag):
    tee = SimulatedTee(Randomness(), NOW, properties=PlatformProperties(**{flag: True}))

    def judge(policy):
        roots = TrustRoots([tee.root_der])
        quote, collateral = tee.quote(bytes(64)), tee.collateral(NOW)
        return verify_quote(quote, collateral, roots=roots, policy=policy, now=NOW)

    assert getattr(judge(UnsafeAnyMeasurement()), flag) is True
    judge(PlatformFlags(**{f"allow_{flag}": True}))
    with pytest.raises(PolicyViolation):
        judge(PlatformFlags())


@pytest.mark.parametrize("status", ["SWHardeningNeeded", "OutOfDate", "ConfigurationNeeded"])
def test_tcb_status_reaches_the_claims(tee, status):
    claims = verify_quote(
        tee.quote(bytes(64)),
        tee.collateral(NOW, tcb_status=status, number=9),
        roots=TrustRoots([tee.root_der]),
        policy=UnsafeAnyMeasurement(),
        now=NOW,
    )
    assert claims.tcb_status == status
    assert claims.advisories == ("SIMULATED-SA-00001",)
    assert claims.collateral_number == 9


def test_revoked_is_refused_under_every_policy(tee):
    with pytest.raises(PolicyViolation, match="revoked"):
        verify_quote(
            tee.quote(bytes(64)),
            tee.collateral(NOW, tcb_status="Revoked"),
            roots=TrustRoots([tee.root_der]),
            policy=UnsafeAnyMeasurement(),
            now=NOW,
        )


def test_quoter(tee):
    parsed = parse(tee.quoter("ab" * 32, debug=True).quote(bytes(64)))
    assert parsed.measurement == b"\xab" * 32
    assert parsed.debug


def test_lengths(tee):
    with pytest.raises(ValueError, match="64 bytes"):
        tee.quote(bytes(63))
    with pytest.raises(ValueError, match="32 bytes"):
        tee.quote(bytes(64), measurement="ab")
