from dataclasses import replace

import pytest

from confide.attestation.claims import Claims, Tee
from confide.attestation.policy import (
    KNOWN_STATUSES,
    AllOf,
    AnyOf,
    Measurements,
    MinimumCollateralNumber,
    MinimumSecurityVersion,
    NotDebug,
    PlatformFlags,
    Product,
    RuntimeMeasurements,
    Signers,
    TcbStatuses,
    UnsafeAnyMeasurement,
    standard,
)
from confide.core.errors import ConfigurationError, PolicyViolation

CLAIMS = Claims(
    tee=Tee.SGX,
    measurement="aa" * 32,
    signer="bb" * 32,
    product_id=1,
    security_version=2,
    debug=False,
    report_data=bytes(64),
    tcb_status="UpToDate",
    advisories=(),
    trust_root="intel",
    trust_root_sha256="00" * 32,
    collateral_number=17,
    valid_from=0,
    valid_until=1,
    fmspc="00" * 6,
    simulated=False,
)
TDX = replace(CLAIMS, tee=Tee.TDX, runtime_measurements=("00", "11", "22", "33"))

ACCEPTING = [
    (Measurements({"AA" * 32, "cc" * 32}), CLAIMS),
    (Signers({"bb" * 32}), CLAIMS),
    (Product(1), CLAIMS),
    (MinimumSecurityVersion(2), CLAIMS),
    (TcbStatuses(), CLAIMS),
    (NotDebug(), CLAIMS),
    (MinimumCollateralNumber(17), CLAIMS),
    (PlatformFlags(), CLAIMS),
    (PlatformFlags(), replace(CLAIMS, smt=False, cached_keys=False, dynamic_platform=False)),
    (RuntimeMeasurements({1: "11", 3: "33"}), TDX),
    (UnsafeAnyMeasurement(), replace(CLAIMS, measurement="")),
    (AllOf(Product(1), NotDebug()), CLAIMS),
    (AnyOf(Product(7), Product(1)), CLAIMS),
    (standard(measurements=["aa" * 32]), CLAIMS),
]

REFUSING = [
    (Measurements({"cc" * 32}), CLAIMS, "accepts cccc"),
    (Measurements(()), CLAIMS, "accepts nothing"),
    (Signers({"cc" * 32}), CLAIMS, "signer"),
    (Product(0), CLAIMS, "product id is 1, not 0"),
    (MinimumSecurityVersion(3), CLAIMS, "below 3"),
    (TcbStatuses(), replace(CLAIMS, tcb_status="OutOfDate", advisories=("SA-1",)), "SA-1.*OutOfDate"),
    (TcbStatuses(()), CLAIMS, "accepts nothing"),
    (NotDebug(), replace(CLAIMS, debug=True), "debug"),
    (MinimumCollateralNumber(18), CLAIMS, "below 18"),
    (PlatformFlags(), replace(CLAIMS, smt=True), "multithreading"),
    (PlatformFlags(allow_smt=True), replace(CLAIMS, cached_keys=True), "cached"),
    (PlatformFlags(allow_cached_keys=True), replace(CLAIMS, dynamic_platform=True), "dynamic"),
    (RuntimeMeasurements({1: "ff"}), TDX, "RTMR1"),
    (RuntimeMeasurements({1: "11"}), CLAIMS, "no RTMR1"),
    (RuntimeMeasurements({-1: "33"}), TDX, "no RTMR-1"),
    (AllOf(), CLAIMS, "empty"),
    (AnyOf(), CLAIMS, "empty"),
    (AllOf(Product(1), Product(2)), CLAIMS, "not 2"),
    (AnyOf(Product(2), Product(3)), CLAIMS, "not 2; .*not 3"),
    (AllOf(AnyOf()), CLAIMS, "empty"),
    (standard(measurements=()), CLAIMS, "accepts nothing"),
    (standard(measurements=["aa" * 32]), replace(CLAIMS, debug=True), "debug"),
    (standard(measurements=["aa" * 32]), replace(CLAIMS, smt=True), "multithreading"),
    (standard(measurements=["aa" * 32]), replace(CLAIMS, tcb_status="OutOfDate"), "OutOfDate"),
]


@pytest.mark.parametrize(("policy", "claims"), ACCEPTING)
def test_accepts(policy, claims):
    policy.check(claims)


@pytest.mark.parametrize(("policy", "claims", "why"), REFUSING)
def test_refuses(policy, claims, why):
    with pytest.raises(PolicyViolation, match=why):
        policy.check(claims)


def test_a_status_that_nobody_may_allow():
    assert "Revoked" not in KNOWN_STATUSES
    for status in ("Revoked", "uptodate", ""):
        with pytest.raises(ConfigurationError, match="can't be allowed"):
            TcbStatuses([status])


def test_no_runtime_measurement_named():
    with pytest.raises(ConfigurationError):
        RuntimeMeasurements({})
