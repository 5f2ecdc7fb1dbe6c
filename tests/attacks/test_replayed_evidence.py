"""Threat: the host answers with genuine evidence of another moment, channel, enclave key or configuration."""

from dataclasses import replace

import pytest

from confide.attestation.binding import Binding
from confide.attestation.evidence import decode, encode
from confide.core.errors import BindingMismatch


def test_evidence_recorded_for_an_earlier_nonce(scene):
    recorded = scene.evidence(replace(scene.expected, nonce=b"o" * 32))
    with pytest.raises(BindingMismatch, match="nonce"):
        scene.verify(recorded)


def test_the_same_evidence_shown_to_a_second_nonce(scene):
    evidence = scene.evidence()
    scene.verify(evidence)
    with pytest.raises(BindingMismatch, match="nonce"):
        scene.verify(evidence, expected=replace(scene.expected, nonce=b"2" * 32))


def test_evidence_relayed_over_the_attackers_channel(scene):
    """The relay has the enclave's evidence for our nonce, but its own TLS key."""
    pinned = Binding.to(
        public_key=b"key of the relay", nonce=scene.expected.nonce, hpke_key=b"h" * 32, config=b"{}"
    )
    with pytest.raises(BindingMismatch, match="channel key"):
        scene.verify(scene.evidence(), expected=pinned)


def test_the_attackers_hpke_key_beside_genuine_evidence(scene):
    with pytest.raises(BindingMismatch, match="HPKE"):
        scene.verify(scene.evidence(), expected=replace(scene.expected, hpke_key=b"a" * 32))


def test_another_configuration_than_the_one_shown(scene):
    """The host started the enclave with another party list or CA than it tells us."""
    started_with = Binding.to(
        public_key=b"key of the channel", nonce=b"n" * 32, hpke_key=b"h" * 32, config=b'{"ca":"mine"}'
    )
    with pytest.raises(BindingMismatch, match="configuration"):
        scene.verify(scene.evidence(started_with))


def test_an_old_quote_under_fresh_claims(scene):
    old_quote, _ = decode(scene.evidence(replace(scene.expected, nonce=b"o" * 32)))
    _, fresh_claims = decode(scene.evidence())
    with pytest.raises(BindingMismatch, match="vouch"):
        scene.verify(encode(old_quote, fresh_claims))
