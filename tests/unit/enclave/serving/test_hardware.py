"""A TEE that gives no quotes: asked again for a while, then the enclave takes itself for lost."""

import threading

import pytest
from fakes.ports import FakeClock

from confide.core import limits
from confide.core.errors import EvidenceUnavailable
from confide.enclave.serving.hardware import Hardware


class Lost(threading.Event):
    """Waiting on it passes the time."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def wait(self, timeout=None):
        self.clock.time += timeout
        return self.is_set()


class Failing:
    """Refuses so often, then answers."""

    def __init__(self, times):
        self.times = times

    def quote(self, report_data):
        if self.times:
            self.times -= 1
            raise EvidenceUnavailable("the quote daemon does not answer")
        return b"quote of " + report_data


def hardware(times):
    clock = FakeClock(0)
    lost = Lost(clock)
    return Hardware(Failing(times), clock, lost), lost, clock


def test_hardware_that_is_away_for_a_moment_is_asked_again():
    asked, lost, clock = hardware(3)
    assert asked.quote(b"report") == b"quote of report"
    assert (lost.is_set(), clock.time) == (False, 3 * limits.POLL_SECONDS)


def test_hardware_that_stays_away_is_given_up():
    asked, lost, clock = hardware(1000)
    with pytest.raises(EvidenceUnavailable):
        asked.quote(b"report")
    assert lost.is_set()
    assert limits.HARDWARE_SECONDS <= clock.time <= limits.HARDWARE_SECONDS + limits.POLL_SECONDS
