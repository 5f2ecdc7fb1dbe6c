"""A TDX measurement covers the firmware only: a policy without RTMRs must not accept TDX."""

from dataclasses import replace
from pathlib import Path

import pytest

from confide.attestation.policy import AllOf, MeasuredInOne, PlatformFlags, UnsafeAnyMeasurement
from confide.attestation.roots import TrustRoots
from confide.attestation.verifier import verify_quote
from confide.core.errors import PolicyViolation

DATA = Path(__file__).parents[2] / "data" / "attestation"
ANY = AllOf(
    UnsafeAnyMeasurement(), PlatformFlags(allow_dynamic_platform=True, allow_cached_keys=True, allow_smt=True)
)


def test_intels_tdx_sample_is_refused_without_rtmrs_and_its_like_without_rtmrs_is_not():
    claims = verify_quote(
        (DATA / "tdx_v4.quote").read_bytes(),
        (DATA / "tdx_v4.collateral.json").read_bytes(),
        roots=TrustRoots.intel(),
        policy=ANY,
        now=1_751_000_000,
    )
    with pytest.raises(PolicyViolation, match="RTMR"):
        MeasuredInOne().check(claims)
    MeasuredInOne().check(replace(claims, runtime_measurements=()))
