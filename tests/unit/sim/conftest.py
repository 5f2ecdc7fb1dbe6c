"""One machine for the session, served by threads of this process; enclaves are real processes."""

import hashlib
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from confide.app.system import SystemClock
from confide_sim import machine

LOADER = """
import json, sys
from pathlib import Path
from confide_sim.launch import launch
machine, entry, debug, *arguments = sys.argv[1:]
launch(Path(machine), arguments, entry=json.loads(entry), debug=debug == "debug")
"""


class FixedRandomness:
    """Implements core.ports.Randomness."""

    def __init__(self, seed="machine"):
        self._seed = seed

    def bytes(self, count):
        return hashlib.shake_256(self._seed.encode()).digest(count)


@contextmanager
def running(directory, randomness=None):
    """The machine's ready line, while it runs."""
    lines, ready, stop, errors = [], threading.Event(), threading.Event(), []

    def announce(line):
        lines.append(line)
        ready.set()

    def serve():
        try:
            machine.serve(
                Path(directory),
                clock=SystemClock(),
                randomness=randomness or FixedRandomness(),
                announce=announce,
                stop=stop,
            )
        except Exception as error:  # noqa: BLE001 - handed to the test
            errors.append(error)
            ready.set()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(30)
    try:
        if errors:
            raise errors[0]
        yield lines[0]
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="session")
def run_machine():
    return running


@pytest.fixture(scope="session")
def ready(tmp_path_factory):
    with running(tmp_path_factory.mktemp("m")) as line:
        yield line


@pytest.fixture(scope="session")
def load(ready):
    """Launch an enclave through the real loader; returns the completed process."""

    def call(entry, *arguments, debug=False, text="", environment=None):
        words = [sys.executable, "-c", LOADER, ready["machine"], entry, "debug" if debug else "", *arguments]
        return subprocess.run(
            words,
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **(environment or {})},
        )

    return call
