import time

from confide.app.system import SystemClock, SystemRandomness
from confide.core.ports import Clock, Randomness


def test_clock():
    clock: Clock = SystemClock()
    assert abs(clock.now() - time.time()) < 2  # noqa: TID251  to compare with
    assert isinstance(clock.now(), int)
    assert clock.monotonic() <= clock.monotonic()


def test_randomness():
    randomness: Randomness = SystemRandomness()
    assert len(randomness.bytes(33)) == 33
    assert randomness.bytes(16) != randomness.bytes(16)
