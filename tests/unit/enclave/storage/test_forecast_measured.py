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


def measured(what):
    paths = os.pathsep.join([str(HERE.parents[2]), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, SCRIPT, what],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def in_memory():
    return measured("in memory")


@pytest.mark.parametrize("stage", ["join", "encode", "train"])
def test_a_measured_peak_is_near_the_forecast(in_memory, stage):
    """Of everything up to the end of the stage."""
    stages = list(in_memory["forecast"])
    expected = max(in_memory["forecast"][name] for name in stages[: stages.index(stage) + 1])
    assert abs(in_memory["peaks"][stage] - expected) < TOLERANCE * expected, in_memory


def test_the_measured_peak_of_a_training_that_begins_early_is_near_its_forecast():
    found = measured("early")
    expected = max(found["forecast"].values())
    assert abs(found["peak"] - expected) < TOLERANCE * expected, found


def test_the_measured_peak_out_of_core_is_near_its_forecast_and_below_that_in_memory():
    found = measured("out of core")
    expected = max(found["forecast"].values())
    assert found["shards"] > 1
    assert abs(found["peak"] - expected) < TOLERANCE * expected, found
    assert found["peak"] < found["in memory"]
