"""A party that finds its common ids is waited for longer, as long as its channel is open."""

from fakes.coming_back import run_to
from fakes.shop import train_job, world

from confide.core import limits
from confide.core.errors import PartyLost
from confide.protocol.table import State
from confide.protocol.terms import Intersection

IDLE = limits.IDLE_SECONDS


def committing(**changes):
    """The enclave has said ACCEPTANCE, and waits for the initiator's COMMIT."""
    return run_to(world(train_job(**changes)), "shop", State.COMMITTING)


def lost(ran):
    return isinstance(ran.errors.get("enclave"), PartyLost)


def test_with_an_intersection_it_is_waited_for_longer():
    ran = committing(alignment=Intersection())
    ran.clock.time += limits.INTERSECTION_SECONDS - 1
    ran.tick()
    assert not lost(ran)
    ran.clock.time += 1
    ran.tick()
    assert lost(ran)


def test_without_one_it_is_not():
    ran = committing()
    ran.clock.time += IDLE
    ran.tick()
    assert lost(ran)


def test_a_lost_channel_is_waited_for_as_always():
    ran = committing(alignment=Intersection())
    ran.enclave.lost("shop")
    ran.clock.time += IDLE
    ran.tick()
    assert lost(ran)
