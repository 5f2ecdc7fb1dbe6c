"""Puts the hand-written simulators of tests/fakes on the path; loopback never goes through a proxy.

And one CA for all tests that speak real TLS.
"""

import os
import sys
from pathlib import Path

import pytest

for variable in ("no_proxy", "NO_PROXY"):
    os.environ[variable] = "127.0.0.1,::1,localhost"

sys.path.insert(0, str(Path(__file__).parent))

from fakes.authority import Authority  # noqa: E402 - needs the path and the environment


@pytest.fixture(scope="session")
def authority():
    return Authority()
