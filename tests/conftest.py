"""Puts the hand-written simulators of tests/fakes on the path; loopback never goes through a proxy.

And one CA for all tests that speak real TLS. Long files come first.
"""

import os
import sys
from pathlib import Path

import pytest

for variable in ("no_proxy", "NO_PROXY"):
    os.environ[variable] = "127.0.0.1,::1,localhost"

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from fakes.authority import Authority  # noqa: E402 - needs the path and the environment

LONG = ("e2e", "simulation", "attacks", "machine")
"""Folders whose files take long: begun first, so that the short ones fill what is left at the end."""


def pytest_collection_modifyitems(items):
    def place(item):
        folder = item.path.relative_to(HERE).parts[0]
        return LONG.index(folder) if folder in LONG else len(LONG)

    items.sort(key=place)


@pytest.fixture(scope="session")
def authority():
    return Authority()
