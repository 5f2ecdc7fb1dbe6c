"""Intel's own samples, judged by the same code as simulated evidence: only the root differs."""

import pytest

from confide.attestation.claims import Tee
from confide.attestation.policy import (
    AllOf,
    NotDebug,
    PlatformFlags,
    TcbStatuses,
    UnsafeAnyMeasurement,
)
from confide.attestation.roots import TrustRoots
from confide.attestation.verifier import Step, verify_quote
from confide.core.errors import CollateralExpired, InvalidEvidence, PolicyViolation, UntrustedRoot

INSPECT = UnsafeAnyMeasurement()


def judge(sample, *, now=None, roots=None, policy=INSPECT, **more):
    return verify_quote(
        sample.quote,
        sample.collateral,
        roots=roots or TrustRoots.intel(),
        policy=policy,
        now=sample.middle if now is None else now,
        **more,
    )


def test_sgx_claims(sgx_sample):
    claims = judge(sgx_sample)
    assert claims.tee is Tee.SGX
    assert claims.measurement == "33d8736db756ed4997e04ba358d27833188f1932ff7b1d156904d3f560452fbb"
    assert claims.signer == "815f42f11cf64430c30bab7816ba596a1da0130c3b028b673133a66cf9a3e0e6"
    assert claims.report_data == b"Hello, world!".ljust(64, b"\0")
    assert claims.tcb_status == "ConfigurationAndSWHardeningNeeded"
    assert claims.advisories == ("INTEL-SA-00289", "INTEL-SA-00615")
    assert claims.trust_root == "intel"
    assert claims.trust_root_sha256.startswith("44a0196b2b99f889")
    assert claims.collateral_number == 17
    assert claims.fmspc == "00a067110000"
    assert (claims.dynamic_platform, claims.cached_keys, claims.smt) == (None, None, None)
    assert not claims.simulated
    assert not claims.debug


def test_tdx_claims(tdx_sample):
    claims = judge(tdx_sample)
    assert claims.tee is Tee.TDX
    assert claims.measurement.startswith("91eb2b44d141d4ec")
    assert [value[:8] for value in claims.runtime_measurements] == [
        "44c0197b",
        "0084452c",
        "d833feef",
        "00000000",
    ]
    assert claims.signer == ""
    assert claims.tcb_status == "UpToDate"
    assert (claims.dynamic_platform, claims.cached_keys, claims.smt) == (True, True, True)
    assert claims.platform_id == "07828474603e7019dc930775ffe8cdd2"


@pytest.mark.parametrize("name", ["sgx_sample", "tdx_sample"])
def test_window_is_half_open_and_exact(name, request):
    sample = request.getfixturevalue(name)
    for now in (sample.valid_from, sample.valid_until - 1):
        claims = judge(sample, now=now)
        assert (claims.valid_from, claims.valid_until) == (sample.valid_from, sample.valid_until)
    for now in (0, sample.valid_from - 1, sample.valid_until, sample.valid_until + 10**9):
        with pytest.raises(CollateralExpired):
            judge(sample, now=now)


def test_refused_under_a_simulated_root(sgx_sample, roots):
    with pytest.raises(UntrustedRoot, match="44a0196b2b99f889"):
        judge(sgx_sample, roots=roots)


def test_simulated_evidence_refused_under_intels_root(quote, collateral, moment, tee):
    with pytest.raises(UntrustedRoot):
        verify_quote(quote, collateral, roots=TrustRoots.intel(), policy=INSPECT, now=moment)


def test_collateral_of_another_machine_is_refused(sgx_sample, tdx_sample):
    with pytest.raises(InvalidEvidence, match="TEE type"):
        verify_quote(
            sgx_sample.quote,
            tdx_sample.collateral,
            roots=TrustRoots.intel(),
            policy=INSPECT,
            now=tdx_sample.middle,
        )


def test_default_statuses_refuse_the_sgx_sample(sgx_sample):
    with pytest.raises(PolicyViolation, match="INTEL-SA-00289"):
        judge(sgx_sample, policy=TcbStatuses())
    judge(sgx_sample, policy=TcbStatuses(["ConfigurationAndSWHardeningNeeded"]))


def test_platform_flags_are_decided_one_by_one(tdx_sample):
    with pytest.raises(PolicyViolation, match="dynamic"):
        judge(tdx_sample, policy=PlatformFlags())
    with pytest.raises(PolicyViolation, match="cached"):
        judge(tdx_sample, policy=PlatformFlags(allow_dynamic_platform=True))
    with pytest.raises(PolicyViolation, match="multithreading"):
        judge(tdx_sample, policy=PlatformFlags(allow_dynamic_platform=True, allow_cached_keys=True))
    allowed = PlatformFlags(allow_dynamic_platform=True, allow_cached_keys=True, allow_smt=True)
    judge(tdx_sample, policy=AllOf(allowed, TcbStatuses(), NotDebug()))


def test_collateral_rollback_is_refused(sgx_sample):
    judge(sgx_sample, minimum_collateral_number=17)
    with pytest.raises(PolicyViolation, match="evaluation number is 17, below 18"):
        judge(sgx_sample, minimum_collateral_number=18)


def test_steps_are_observed_in_order(sgx_sample):
    seen = []
    judge(sgx_sample, observe=seen.append)
    assert seen == [step for step in Step if step is not Step.BINDING]
