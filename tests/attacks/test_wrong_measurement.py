"""Threat: the host runs other software, on a genuine machine or on one of its own."""

import pytest

from confide.attestation.policy import UnsafeAnyMeasurement, standard
from confide.attestation.roots import TrustRoots
from confide.core.errors import InvalidEvidenceSignature, PolicyViolation, UntrustedRoot
from confide_sim.tee import DEFAULT_MEASUREMENT, SIGNER


def test_other_software_on_the_same_machine(scene):
    with pytest.raises(PolicyViolation, match="measurement"):
        scene.verify(scene.evidence(quoter=scene.tee.quoter("00" * 32)))


def test_one_bit_of_difference(scene):
    almost = f"{int(DEFAULT_MEASUREMENT, 16) ^ 1:064x}"
    with pytest.raises(PolicyViolation, match="measurement"):
        scene.verify(scene.evidence(quoter=scene.tee.quoter(almost)))


def test_the_right_measurement_claimed_by_another_machine(scene):
    other = scene.another_machine()
    evidence = scene.evidence(quoter=other)
    with pytest.raises(UntrustedRoot):
        scene.verify(evidence)
    with pytest.raises(UntrustedRoot):
        scene.verify(evidence, collateral=other.collateral(scene.now))


def test_the_attackers_own_collateral(scene):
    with pytest.raises(InvalidEvidenceSignature):
        scene.verify(scene.evidence(), collateral=scene.another_machine().collateral(scene.now))


def test_the_signer_as_measurement(scene):
    """Same signer, other software: a policy of measurements does not look at the signer."""
    with pytest.raises(PolicyViolation, match="measurement"):
        scene.verify(scene.evidence(quoter=scene.tee.quoter(SIGNER)))


def test_a_policy_without_measurements_accepts_nothing(scene):
    with pytest.raises(PolicyViolation):
        scene.verify(scene.evidence(), policy=standard(measurements=[]))


def test_a_simulated_machine_where_real_ones_are_asked_for(scene):
    """Even under the most careless policy, the root decides."""
    with pytest.raises(UntrustedRoot):
        scene.verify(scene.evidence(), roots=TrustRoots.intel(), policy=UnsafeAnyMeasurement())
