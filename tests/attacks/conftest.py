"""The scene of the attestation attacks: an honest enclave, and a verifier that knows what it expects."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import pytest

from confide.attestation.binding import Binding, make_evidence, verify_evidence
from confide.attestation.policy import standard
from confide.attestation.roots import TrustRoots
from confide_sim.tee import DEFAULT_MEASUREMENT, SimulatedTee


class SceneRandomness:
    """Implements core.ports.Randomness."""

    def __init__(self, seed):
        self._seed = seed

    def bytes(self, count):
        return hashlib.shake_256(self._seed.encode()).digest(count)


@dataclass(frozen=True)
class AttestationScene:
    """What the verifier expects, and the machine that it trusts. Every attack changes one thing."""

    tee: SimulatedTee
    expected: Binding
    now: int

    @cached_property
    def collateral(self):
        return self.tee.collateral(self.now)

    @cached_property
    def roots(self):
        return TrustRoots([self.tee.root_der])

    def another_machine(self):
        return SimulatedTee(SceneRandomness("attacker"), self.now)

    def evidence(self, binding=None, quoter=None):
        return make_evidence(quoter or self.tee, binding or self.expected)

    def verify(self, evidence, **changes):
        arguments = {
            "collateral": self.collateral,
            "expected": self.expected,
            "roots": self.roots,
            "policy": standard(measurements=[DEFAULT_MEASUREMENT]),
            "now": self.now,
            **changes,
        }
        collateral = arguments.pop("collateral")
        return verify_evidence(evidence, collateral, **arguments)


@pytest.fixture(scope="session")
def scene():
    binding = Binding.to(public_key=b"key of the channel", nonce=b"n" * 32, hpke_key=b"h" * 32, config=b"{}")
    now = 1_800_000_000
    scene = AttestationScene(SimulatedTee(SceneRandomness("honest"), now), binding, now)
    scene.verify(scene.evidence())
    return scene
