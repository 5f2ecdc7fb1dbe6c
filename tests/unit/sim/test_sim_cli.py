"""`confide-sim` as a user starts it: real processes."""

import json
import signal
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-c", "from confide_sim.cli import main; main()"]


def run(*arguments):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.e2e
def test_machine_and_pccs_start_and_stop(tmp_path):
    directory = str(tmp_path / "m")
    started = []
    for words in (["machine", "--dir", directory], ["pccs", "--dir", directory, "--port", "0"]):
        process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, text=True)
        started.append((process, json.loads(process.stdout.readline())))
    (_, machine), (_, pccs) = started
    assert machine["machine"] == f"{directory}/machine.sock"
    assert pccs["url"].startswith("http://127.0.0.1:")
    for process, _ in started:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert process.returncode == 0


def test_measure():
    text, document = run("measure"), json.loads(run("measure", "--format", "json").stdout)
    assert text.stdout.strip() == document["measurement"]
    assert document["files"] > 1000


def test_launch_without_a_machine(tmp_path):
    done = run("launch", "--machine", str(tmp_path / "machine.sock"), "--", "--anything")
    assert done.returncode == 20
    assert "CFD-208" in done.stderr
    assert done.stdout == ""


def test_the_entry_can_not_be_given():
    done = run("launch", "--machine", "x", "--entry", "y")
    assert done.returncode == 2
