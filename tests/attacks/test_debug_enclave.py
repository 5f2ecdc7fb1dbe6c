"""Threat: the right software in an enclave that the host can read with a debugger."""

import pytest

from confide.attestation.policy import UnsafeAnyMeasurement
from confide.core.errors import InvalidEvidenceSignature, PolicyViolation
from confide_sim.tee import DEFAULT_MEASUREMENT


def test_debug_enclave_with_the_right_measurement(scene):
    evidence = scene.evidence(quoter=scene.tee.quoter(DEFAULT_MEASUREMENT, debug=True))
    with pytest.raises(PolicyViolation, match="debug"):
        scene.verify(evidence)


def test_no_policy_can_allow_it(scene):
    evidence = scene.evidence(quoter=scene.tee.quoter(DEFAULT_MEASUREMENT, debug=True))
    with pytest.raises(PolicyViolation, match="debug"):
        scene.verify(evidence, policy=UnsafeAnyMeasurement())


def test_the_debug_bit_cleared_afterwards(scene):
    evidence = bytearray(scene.evidence(quoter=scene.tee.quoter(DEFAULT_MEASUREMENT, debug=True)))
    start = evidence.index(b"\x03\x00\x02\x00")
    assert evidence[start + 96] & 0x02
    evidence[start + 96] &= ~0x02
    with pytest.raises(InvalidEvidenceSignature):
        scene.verify(bytes(evidence))
