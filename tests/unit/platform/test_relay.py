"""When a leg of the relay ends by itself: with its task, in silence, or to make room."""

import itertools
import threading

import pytest
from fakes.flood import within

from confide.core import limits
from confide.core.errors import ChannelClosed, ConfideError
from confide.platform.relay import Relay
from confide.transport.memory import link_pair

TASK = "t" * 32


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.02)


class Leg:
    """One that is being carried, and how it ended."""

    def __init__(self, relay, us, peer, task=TASK):
        inside, self.link = link_pair()
        self.ended = None
        self._thread = threading.Thread(target=self._carry, args=(relay, task, us, peer, inside), daemon=True)
        self._thread.start()

    def _carry(self, relay, *leg):
        try:
            self.ended = f"brought {relay.carry(*leg)}"
        except ConfideError as error:
            self.ended = error.message
        finally:
            leg[-1].close()

    def join(self):
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self.ended

    @property
    def open(self):
        return self._thread.is_alive()


def pair(relay, task=TASK):
    legs = Leg(relay, "alice", "bob", task), Leg(relay, "bob", "alice", task)
    for leg in legs:
        assert bytes(leg.link.receive(10)) == b""
    return legs


def test_legs_end_with_their_task():
    over = threading.Event()
    relay = Relay(lambda task: task == TASK and over.is_set())
    alice, bob = pair(relay)
    others = pair(relay, "u" * 32)
    waiting = Leg(relay, "alice", "carol")
    over.set()
    assert "the task has ended" in {alice.join(), bob.join()}
    assert waiting.join() == "the task has ended"
    with pytest.raises(ChannelClosed):
        bob.link.receive(10)
    others[0].link.send(b"goes on")
    assert bytes(others[1].link.receive(10)) == b"goes on"


def test_legs_end_with_their_task_while_they_bring_something():
    """A frame always waits: the task is looked at all the same."""
    over, done = threading.Event(), threading.Event()
    relay = Relay(lambda _task: over.is_set())
    alice, bob = pair(relay)

    def flood():
        try:
            while True:
                alice.link.send(b"x")
        except ChannelClosed:
            done.set()

    def drain():
        try:
            while True:
                bob.link.receive(10)
        except ChannelClosed:
            pass

    for work in (flood, drain):
        threading.Thread(target=work, daemon=True).start()
    over.set()
    assert "the task has ended" in {alice.join(), bob.join()}
    assert done.wait(10)


def test_legs_that_bring_nothing_end():
    now = [0.0]
    relay = Relay(idle_seconds=100, monotonic=lambda: now[0])
    alice, bob = pair(relay)
    for moment in (90.0, 180.0, 270.0):  # one way is enough
        now[0] = moment
        alice.link.send(b"x")
        assert bytes(bob.link.receive(10)) == b"x"
    now[0] = 371.0
    assert "nothing came through the relay for too long" in {alice.join(), bob.join()}


def test_who_waits_does_not_keep_others_out(monkeypatch):
    """Of too many that wait, the oldest of whoever has most of them goes; those who have met stay."""
    monkeypatch.setattr(limits, "MAX_WAITING_LEGS", 3)
    times = itertools.count()
    relay = Relay(monotonic=lambda: next(times) / 1e6)
    met = pair(relay)
    first = Leg(relay, "mallory", "carol", "a" * 32)
    assert within(10, lambda: len(relay._legs) == 3)
    patient = Leg(relay, "dave", "erin", "b" * 32)
    assert within(10, lambda: len(relay._legs) == 4)
    second = Leg(relay, "mallory", "carol", "c" * 32)
    assert within(10, lambda: len(relay._legs) == 5)
    newest = Leg(relay, "erin", "frank", "d" * 32)
    assert first.join() == "brought 0"
    assert all(leg.open for leg in (*met, patient, second, newest))
