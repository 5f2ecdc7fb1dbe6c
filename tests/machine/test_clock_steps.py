"""The wall clock may be set (NTP, a machine that has slept): nobody is late for it, and dates still count."""

import pytest
from fakes.coming_back import go_on, run_to
from fakes.outcomes import completed
from fakes.shop import world

from confide.core.errors import PartyLost
from confide.protocol.table import State

HOUR = 3600


@pytest.fixture
def ran():
    return run_to(world(), "media", State.UPLOADING)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_step_of_the_wall_clock_makes_nobody_late(ran, step):
    ran.tick()
    ran.clock.step = step
    ran.tick()
    ran.clock.step = 0
    completed(go_on(ran))


def test_who_is_silent_is_late_although_the_wall_clock_went_back(ran):
    ran.clock.step = -HOUR
    ran.clock.time += ran.enclave._course.context.config.idle_seconds
    with pytest.raises(PartyLost):
        ran.enclave.tick()
