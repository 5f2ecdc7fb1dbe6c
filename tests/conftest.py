"""Puts the hand-written simulators of tests/fakes on the path; one CA for all tests that speak real TLS."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fakes.authority import Authority


@pytest.fixture(scope="session")
def authority():
    return Authority()
