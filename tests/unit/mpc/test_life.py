"""A library that hangs is told from one that computes, at either end."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pytest
from fakes.authority import Authority
from fakes.intersections import leftovers, run_both
from fakes.ports import FakeClock
from fakes.tunnels import both, ends
from unit.mpc.test_intersection import slow_start, workers

from confide.core import limits
from confide.core.errors import IntersectionFailed
from confide.mpc.end_to_end import SecureLink
from confide.mpc.life import Life
from confide.mpc.tunnel import Tunnel
from confide.transport.memory import link_pair

SLEEPS, COMPUTES = "import time; time.sleep(60)", "while True: pass"
READS = "import time\nwhile True: open('/dev/zero', 'rb').read(9); time.sleep(0.01)"


@pytest.fixture(scope="module")
def authority():
    return Authority()


@contextlib.contextmanager
def running(program):
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        time.sleep(0.3)  # it has started
        yield process.pid
        process.kill()


@pytest.fixture
def pair(authority):
    """Two ends of a tunnel that carries nothing."""
    links = link_pair()
    alice, bob = both(
        lambda: SecureLink(links[0], ends(authority, "alice", "bob")),
        lambda: SecureLink(links[1], ends(authority, "bob", "alice")),
    )
    with Tunnel(alice, lambda: 0, first=True) as first, Tunnel(bob, lambda: 0, first=False) as second:
        yield first, second


def after_a_while(life, clock):
    """Whether it is gone: the test's clock turns by more than it may be silent."""
    assert not life.gone()
    time.sleep(0.3)
    clock.time += 2
    return life.gone()


@pytest.mark.parametrize(("program", "gone"), [(SLEEPS, True), (COMPUTES, False), (READS, False)])
def test_who_computes_or_reads_lives(pair, monkeypatch, program, gone):
    monkeypatch.setattr(limits, "HUNG_SECONDS", 1)
    clock = FakeClock()
    with running(program) as pid:
        assert after_a_while(Life(pid, pair[0], clock.monotonic), clock) is gone


@pytest.mark.parametrize(("theirs", "gone"), [(SLEEPS, True), (COMPUTES, False)])
def test_who_waits_for_one_that_computes_lives(pair, monkeypatch, theirs, gone):
    monkeypatch.setattr(limits, "HUNG_SECONDS", 1)
    monkeypatch.setattr(limits, "LIFE_SECONDS", 0.05)
    clock = FakeClock()
    with running(theirs) as other, running(SLEEPS) as own, Life(other, pair[1]):
        assert after_a_while(Life(own, pair[0], clock.monotonic), clock) is gone


def test_a_library_that_hangs_at_one_side_is_found_by_both(authority, tmp_path, monkeypatch):
    """Long before its own limit, 30 seconds here."""
    monkeypatch.setattr(limits, "HUNG_SECONDS", 3)
    problems, begin = [], time.monotonic()

    def stop_one(pids):
        os.kill(pids[0], signal.SIGSTOP)

    thread = threading.Thread(target=slow_start, args=(problems, tmp_path, stop_one))
    thread.start()
    found = run_both(authority, (pa.array(list("abc")), pa.array(list("cd"))), tmp_path)
    thread.join()
    assert problems == []
    assert all(isinstance(side, IntersectionFailed) for side in found), found
    assert any("hangs" in side.message for side in found)
    assert time.monotonic() - begin < 25
    assert leftovers(tmp_path) == []
    assert list(workers(tmp_path)) == []
