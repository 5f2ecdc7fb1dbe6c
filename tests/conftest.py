"""Puts the hand-written simulators of tests/fakes on the path; loopback never goes through a proxy."""

import os
import sys
from pathlib import Path

for variable in ("no_proxy", "NO_PROXY"):
    os.environ[variable] = "127.0.0.1,::1,localhost"

sys.path.insert(0, str(Path(__file__).parent))
