import os
import subprocess
import sys
from pathlib import Path

import pytest

from confide_sim.admission import Admissions, LaunchRequest, Refused
from confide_sim.image import Image
from confide_sim.processes import Process, _start_time


def fixed(entry):
    return Image(tuple(entry), "3", {})


@pytest.fixture
def admissions():
    return Admissions(fixed, Path("/run/quote.sock"))


@pytest.fixture
def child():
    """A process that waits until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def identify(pid):
    return Process(pid, _start_time(pid))


REQUEST = LaunchRequest(("-c", "input()"), (), debug=False)


def test_reply(admissions, child):
    reply = admissions.admit(identify(child.pid), REQUEST)
    assert reply.command[0] == sys.executable
    assert reply.command[-2:] == ("-c", "input()")
    assert reply.environment["CONFIDE_QUOTER"] == "socket:/run/quote.sock"
    assert reply.measurement == fixed(REQUEST.entry).measurement


def test_unknown_process(admissions, child):
    with pytest.raises(Refused, match="no enclave"):
        admissions.find(identify(child.pid))


def test_admitted_but_running_something_else(admissions, child):
    """It was told what to execute, and did not."""
    admissions.admit(identify(child.pid), REQUEST)
    with pytest.raises(Refused, match="not the execution"):
        admissions.find(identify(child.pid))


def test_admitted_twice(admissions, child):
    process = identify(child.pid)
    admissions.admit(process, REQUEST)
    with pytest.raises(Refused, match="already"):
        admissions.admit(process, LaunchRequest(("-c", "other"), (), debug=False))


def test_a_reused_process_id_is_another_process(admissions, child):
    process = identify(child.pid)
    admissions.admit(process, REQUEST)
    with pytest.raises(Refused, match="no enclave"):
        admissions.find(Process(process.pid, process.start_time + 1))


def test_an_ended_process(admissions, child):
    process = identify(child.pid)
    admissions.admit(process, REQUEST)
    child.kill()
    child.communicate()
    assert not process.alive
    with pytest.raises(Refused, match="no enclave"):
        admissions.find(process)


def test_a_zombie_is_not_alive(child):
    process = identify(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not process.alive
