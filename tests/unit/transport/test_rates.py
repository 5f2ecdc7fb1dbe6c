import pytest
from fakes.ports import FakeClock

from confide.core import limits
from confide.core.errors import TooManyCalls
from confide.transport.rates import CallRate


@pytest.fixture
def clock():
    return FakeClock(0)


def allowed(rate, caller, tries):
    count = 0
    for _ in range(tries):
        try:
            rate.check(caller)
        except TooManyCalls:
            continue
        count += 1
    return count


def test_so_many_at_once_then_one_at_a_time(clock):
    rate = CallRate("calls", 3, 10, clock.monotonic)
    assert allowed(rate, b"a", 10) == 3
    clock.time = 9
    assert allowed(rate, b"a", 10) == 0
    clock.time = 25
    assert allowed(rate, b"a", 10) == 2
    clock.time = 10_000
    assert allowed(rate, b"a", 10) == 3


def test_callers_do_not_take_from_each_other(clock):
    rate = CallRate("calls", 2, 10, clock.monotonic)
    assert [allowed(rate, caller, 5) for caller in (b"a", b"b", b"a")] == [2, 2, 0]


def test_the_refusal_tells_what_and_how_long(clock):
    rate = CallRate("Attest", 1, 15, clock.monotonic)
    rate.check(b"a")
    clock.time = 5
    with pytest.raises(
        TooManyCalls, match=r"^Attest: at most 1 at once and one every 15 .* again in 10\.0 s"
    ):
        rate.check(b"a")


def test_memory_is_bounded(clock):
    rate = CallRate("calls", 1, 10, clock.monotonic)
    for number in range(3 * limits.MAX_RATED_CALLERS):
        rate.check(number.to_bytes(4, "big"))
    assert len(rate._left) == limits.MAX_RATED_CALLERS


def test_a_clock_that_stands_still_gives_nothing(clock):
    rate = CallRate("calls", 2, 1, clock.monotonic)
    assert allowed(rate, b"a", 1000) == 2
