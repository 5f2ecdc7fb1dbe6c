"""Threat: the host serves old collateral, so that a revocation or a TCB recovery stays unseen."""

import json

import pytest

from confide.core.errors import CollateralExpired, InvalidEvidenceSignature, PolicyViolation

DAY = 86_400


def test_collateral_of_last_season(scene):
    old = scene.tee.collateral(scene.now - 60 * DAY)
    with pytest.raises(CollateralExpired):
        scene.verify(scene.evidence(), collateral=old)


def test_collateral_of_the_future(scene):
    """Made for a verifier whose clock the attacker hopes to set."""
    with pytest.raises(CollateralExpired):
        scene.verify(scene.evidence(), collateral=scene.tee.collateral(scene.now + DAY))


@pytest.mark.parametrize("piece", ["pck_crl", "root_ca_crl"])
def test_one_expired_revocation_list_among_fresh_pieces(scene, piece):
    old = json.loads(scene.tee.collateral(scene.now - 60 * DAY))
    mixed = {**json.loads(scene.tee.collateral(scene.now)), piece: old[piece]}
    with pytest.raises(CollateralExpired):
        scene.verify(scene.evidence(), collateral=json.dumps(mixed).encode())


@pytest.mark.parametrize("piece", ["tcb_info", "qe_identity"])
def test_one_expired_document_among_fresh_pieces(scene, piece):
    old = json.loads(scene.tee.collateral(scene.now - 60 * DAY))
    fresh = json.loads(scene.tee.collateral(scene.now))
    mixed = {**fresh, piece: old[piece], f"{piece}_signature": old[f"{piece}_signature"]}
    with pytest.raises(CollateralExpired):
        scene.verify(scene.evidence(), collateral=json.dumps(mixed).encode())


def test_dates_edited(scene):
    old = json.loads(scene.tee.collateral(scene.now - 60 * DAY))
    fresh = json.loads(scene.tee.collateral(scene.now))
    forged = {**fresh, "tcb_info_signature": old["tcb_info_signature"]}
    with pytest.raises(InvalidEvidenceSignature):
        scene.verify(scene.evidence(), collateral=json.dumps(forged).encode())


def test_valid_collateral_of_before_a_tcb_recovery(scene):
    """Not expired, but rolled back: the evaluation number tells."""
    before = scene.tee.collateral(scene.now, number=16)
    scene.verify(scene.evidence(), collateral=before)
    with pytest.raises(PolicyViolation, match="16, below 17"):
        scene.verify(scene.evidence(), collateral=before, minimum_collateral_number=17)


@pytest.mark.parametrize("piece", ["tcb_info", "qe_identity"])
def test_one_rolled_back_document_is_enough_to_refuse(scene, piece):
    old = json.loads(scene.tee.collateral(scene.now, number=16))
    fresh = json.loads(scene.tee.collateral(scene.now, number=17))
    mixed = {**fresh, piece: old[piece], f"{piece}_signature": old[f"{piece}_signature"]}
    with pytest.raises(PolicyViolation, match="16, below 17"):
        scene.verify(scene.evidence(), collateral=json.dumps(mixed).encode(), minimum_collateral_number=17)
