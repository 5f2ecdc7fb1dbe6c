"""A party that calls a host whose disk is full."""

import threading
from types import SimpleNamespace

import pytest
from fakes.ports import FakeClock

from confide.app.room import Room
from confide.core import limits
from confide.core.errors import NoRoom, TaskCancelled


class Waits(threading.Event):
    """Time passes at once."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.waited = clock, 0.0

    def wait(self, timeout=None):
        self.waited += timeout
        self.clock.time += int(timeout) + 1
        return self.is_set()


class Full:
    """A host's call that is refused so often."""

    def __init__(self, times):
        self.left = times

    def __call__(self):
        self.left -= 1
        if self.left >= 0:
            raise NoRoom("database or disk is full")
        return "done"


@pytest.fixture
def site():
    clock, told = FakeClock(), []
    cancelled = Waits(clock)
    room = Room(SimpleNamespace(clock=clock, me="shop"), told.append, cancelled)
    return SimpleNamespace(clock=clock, told=told, cancelled=cancelled, room=room)


def test_a_call_is_made_again_until_the_platform_has_room(site):
    since = site.clock.now()
    assert site.room.call(Full(3)) == "done"
    assert [(event.name, event.facts) for event in site.told] == [("no-room", {"since": since}), ("room", {})]


def test_a_platform_that_has_room_is_not_spoken_of(site):
    assert site.room.call(Full(0)) == "done"
    assert not site.told


def test_a_platform_that_stays_without_room_is_given_up(site):
    with pytest.raises(NoRoom):
        site.room.call(Full(1000))
    assert limits.IDLE_SECONDS <= site.cancelled.waited <= limits.IDLE_SECONDS + limits.REJOIN_PAUSE_SECONDS


def test_who_cancels_does_not_wait(site):
    site.cancelled.set()
    with pytest.raises(TaskCancelled):
        site.room.call(Full(1000))
    assert site.cancelled.waited <= 1
