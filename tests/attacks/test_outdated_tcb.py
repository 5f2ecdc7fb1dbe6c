"""Threat: a genuine machine whose firmware has known holes."""

import json

import pytest

from confide.attestation.policy import TcbStatuses, UnsafeAnyMeasurement
from confide.core.errors import ConfigurationError, InvalidEvidenceSignature, PolicyViolation

NOT_GOOD = [
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
]


@pytest.mark.parametrize("status", NOT_GOOD)
def test_refused_unless_the_policy_names_it(scene, status):
    collateral = scene.tee.collateral(scene.now, tcb_status=status)
    with pytest.raises(PolicyViolation, match=f"SIMULATED-SA-00001.*{status}"):
        scene.verify(scene.evidence(), collateral=collateral)
    scene.verify(scene.evidence(), collateral=collateral, policy=TcbStatuses([status]))


def test_revoked_is_refused_under_every_policy(scene):
    collateral = scene.tee.collateral(scene.now, tcb_status="Revoked")
    with pytest.raises(PolicyViolation, match="revoked"):
        scene.verify(scene.evidence(), collateral=collateral, policy=UnsafeAnyMeasurement())
    with pytest.raises(ConfigurationError):
        TcbStatuses(["Revoked"])


def test_the_status_edited(scene):
    document = json.loads(scene.tee.collateral(scene.now, tcb_status="OutOfDate"))
    document["tcb_info"] = document["tcb_info"].replace("OutOfDate", "UpToDate")
    with pytest.raises(InvalidEvidenceSignature):
        scene.verify(scene.evidence(), collateral=json.dumps(document).encode())


def test_the_newer_level_removed(scene):
    """Without the better level above it, a lower one might look like the best."""
    document = json.loads(scene.tee.collateral(scene.now, tcb_status="OutOfDate"))
    tcb_info = json.loads(document["tcb_info"])
    tcb_info["tcbLevels"] = tcb_info["tcbLevels"][:1]
    document["tcb_info"] = json.dumps(tcb_info, separators=(",", ":"))
    with pytest.raises(InvalidEvidenceSignature):
        scene.verify(scene.evidence(), collateral=json.dumps(document).encode())
