"""Puts the hand-written simulators of tests/fakes on the path; long files come first."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
LONG = ("e2e", "simulation", "attacks", "machine")
"""Folders whose files take long: begun first, so that the short ones fill what is left at the end."""


def pytest_collection_modifyitems(items):
    def place(item):
        folder = item.path.relative_to(HERE).parts[0]
        return LONG.index(folder) if folder in LONG else len(LONG)

    items.sort(key=place)
