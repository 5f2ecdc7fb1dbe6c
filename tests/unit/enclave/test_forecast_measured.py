"""The forecast against what a process of its own really needed at its peak."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "measure_peaks.py"
TOLERANCE = 0.25
"""Of the forecast; allocators keep some of what was freed."""


@pytest.mark.parametrize("stage", ["join", "encode", "train"])
def test_a_measured_peak_is_near_the_forecast(stage):
    """Of everything up to the end of the stage."""
    paths = os.pathsep.join([str(HERE.parents[1]), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, SCRIPT, stage],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    stages = list(found["forecast"])
    expected = max(found["forecast"][name] for name in stages[: stages.index(stage) + 1])
    assert abs(found["peak"] - expected) < TOLERANCE * expected, found
