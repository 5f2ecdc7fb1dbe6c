"""One simulated machine, one real sample of each kind."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from confide.attestation.binding import Binding, make_evidence
from confide.attestation.policy import standard
from confide.attestation.roots import TrustRoots
from confide_sim.tee import DEFAULT_MEASUREMENT, SimulatedTee

SAMPLES = Path(__file__).parents[2] / "data" / "attestation"


class CountingRandomness:
    """Implements core.ports.Randomness."""

    def __init__(self, seed="attestation"):
        self._seed = seed

    def bytes(self, count):
        return hashlib.shake_256(self._seed.encode()).digest(count)


@dataclass(frozen=True)
class Sample:
    """Evidence with what is known about it."""

    quote: bytes
    collateral: bytes
    valid_from: int
    valid_until: int

    @property
    def middle(self):
        return (self.valid_from + self.valid_until) // 2


@pytest.fixture(scope="session")
def moment():
    return 1_800_000_000


@pytest.fixture(scope="session")
def tee(moment):
    return SimulatedTee(CountingRandomness(), moment)


@pytest.fixture(scope="session")
def other_tee(moment):
    return SimulatedTee(CountingRandomness("another machine"), moment)


@pytest.fixture(scope="session")
def roots(tee):
    return TrustRoots([tee.root_der])


@pytest.fixture(scope="session")
def policy():
    return standard(measurements=[DEFAULT_MEASUREMENT])


@pytest.fixture(scope="session")
def collateral(tee, moment):
    return tee.collateral(moment)


@pytest.fixture(scope="session")
def quote(tee):
    return tee.quote(bytes(range(64)))


@pytest.fixture(scope="session")
def binding():
    return Binding.to(public_key=b"a public key", nonce=b"n" * 32, hpke_key=b"h" * 32, config=b"{}")


@pytest.fixture(scope="session")
def evidence(tee, binding):
    return make_evidence(tee, binding)


@pytest.fixture(scope="session")
def sgx_sample():
    return _sample("sgx_v3", 1750330571, 1752919278)


@pytest.fixture(scope="session")
def tdx_sample():
    return _sample("tdx_v4", 1750329147, 1752919235)


def _sample(name, valid_from, valid_until):
    quote = (SAMPLES / f"{name}.quote").read_bytes()
    collateral = (SAMPLES / f"{name}.collateral.json").read_bytes()
    return Sample(quote, collateral, valid_from, valid_until)
