"""Keys are made once per session: an RSA-4096 key takes half a second and more."""

import hashlib

import pytest
from hypothesis import settings

from confide.crypto.ca import init_ca
from confide.crypto.keys import KeyKind, PrivateKey

# A machine that is shared, or busy, is no failure of the code.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

NOW = 1_800_000_000


class SeededRandomness:
    """Implements core.ports.Randomness: a stream of SHA-384 over a counter."""

    def __init__(self, seed: str = "tests") -> None:
        self._seed = seed
        self._count = 0

    def bytes(self, count: int) -> bytes:
        result = b""
        while len(result) < count:
            result += hashlib.sha384(f"{self._seed} {self._count}".encode()).digest()
            self._count += 1
        return result[:count]


@pytest.fixture
def randomness():
    return SeededRandomness()


@pytest.fixture(scope="session")
def now():
    return NOW


@pytest.fixture(scope="session")
def rsa_key():
    return PrivateKey.generate(KeyKind.RSA_4096)


@pytest.fixture(scope="session")
def key():
    return PrivateKey.generate(KeyKind.P_384)


@pytest.fixture(scope="session")
def other_key():
    return PrivateKey.generate(KeyKind.P_384)


@pytest.fixture(scope="session")
def authority():
    """(key, certificate as PEM) of a CA."""
    return init_ca("test-ca", KeyKind.P_384, NOW, SeededRandomness("ca"))


@pytest.fixture(scope="session")
def foreign_authority():
    """A CA of the same name: only its key tells it apart."""
    return init_ca("test-ca", KeyKind.P_384, NOW, SeededRandomness("foreign ca"))
