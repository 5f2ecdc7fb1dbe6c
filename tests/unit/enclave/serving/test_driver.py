"""The enclave's loop with real threads, the parties' loops at the other ends of memory links."""

import threading

import pytest
from fakes.mischief import twist
from fakes.shop import START, train_job, world
from fakes.threads import Endless, Running

from confide.core import limits
from confide.core.errors import (
    ChannelClosed,
    OfferExpired,
    PartyLost,
    PlatformFailed,
    RemoteProtocolError,
    SealError,
    TaskCancelled,
    WorkFailed,
)
from confide.enclave.serving.visits import Heard, Lost
from confide.protocol.kinds import Kind


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.02)


def wiped(running):
    course = running.ran.enclave._course
    assert (course.rounds, course.models, course.vault.manifests) == ([], {}, {})
    for visit in running.driver._newest.values():
        with pytest.raises(SealError):
            visit.channel.hear(b"x" * 64)


def test_a_task_from_the_first_join_to_the_final_receipt():
    running = Running(world())
    assert running.run("shop", "media") is None
    assert running.errors == {}
    assert len(running.ran.kept["shop"].results) == 1
    assert all(len(kept.receipts) == 1 for kept in running.ran.kept.values())
    assert running.reports[0] == ("waiting", ("shop", "media"))
    states = [state for state, _ in running.reports]
    assert states.index("asking") < states.index("uploading") < states.index("working")
    wiped(running)


def test_the_host_learns_only_states_and_names():
    running = Running(world())
    running.run("media", "shop")
    for state, waiting in running.reports:
        assert state.isalpha()
        assert set(waiting) <= {"shop", "media"}


def test_a_cancellation_by_the_host_ends_the_work_at_its_next_step():
    work = Endless(lambda step: step == 5 and running.stopping.set())
    running = Running(world(work=work))
    error = running.run("shop", "media")
    assert (type(error), error.blame) == (TaskCancelled, "the platform")
    assert {type(error) for error in running.errors.values()} == {TaskCancelled}
    assert work.steps == 5
    assert work.stopped.is_set()
    wiped(running)


@pytest.mark.parametrize("party", ["shop", "media"])
def test_a_party_that_is_lost_during_work_does_not_end_it_and_is_waited_for_afterwards(party):
    ran = world()
    ordinary, waited = ran.enclave._work, []

    class Losing:
        def run(self, *arguments):
            running.links[party].close()
            *steps, last = ordinary.run(*arguments)
            yield from steps
            ran.clock.time += 5000
            yield last

    ran.enclave._rounds._work = Losing()
    running = Running(ran)

    tick = ran.enclave.tick

    def waiting():
        if set(ran.enclave.waiting) == {party} and ran.clock.time >= START + 5000:
            waited.append(dict(ran.enclave.waiting))
            ran.clock.time += limits.IDLE_SECONDS
        tick()

    ran.enclave.tick = waiting
    error = running.run("shop", "media")
    assert (type(error), error.blame) == (PartyLost, party)
    assert waited == [{party: START + 5000}]
    other = "media" if party == "shop" else "shop"
    assert (type(running.errors[other]), running.errors[other].blame) == (PartyLost, party)
    wiped(running)


@pytest.mark.parametrize("party", ["shop", "media"])
def test_a_party_that_cancels_during_work_ends_it(party):
    work = Endless(lambda step: step == 5 and running.cancelled[party].set())
    running = Running(world(work=work))
    error = running.run("shop", "media")
    assert (type(error), error.blame) == (TaskCancelled, party)
    assert {type(error) for error in running.errors.values()} == {TaskCancelled}
    assert work.stopped.is_set()


def test_an_enclave_without_host_or_hardware_ends_without_a_word():
    """The parties find another one in its place: nothing that is stored for that is removed."""
    work = Endless(lambda step: step == 5 and running.driver._alone.set())
    running = Running(world(work=work))
    removed = []
    running.ran.enclave.remove_stored = lambda: removed.append(True)
    assert type(running.run("shop", "media")) is PlatformFailed
    assert (running.errors, removed) == ({}, [])
    assert set(running.broken) == {"shop", "media"}
    wiped(running)


def test_work_that_fails_is_told_to_all():
    def fail(_):
        raise WorkFailed("the training diverged")

    running = Running(world(work=Endless(fail)))
    assert type(running.run("shop", "media")) is WorkFailed
    assert {str(error) for error in running.errors.values()} == {"the training diverged"}


def test_the_verdict_holds_on_to_no_data():
    """An error's frames hold what was opened: the wipe would not reach it."""
    work = Endless(lambda step: step == 2 and running.cancelled["media"].set())
    running = Running(world(work=work))
    error = running.run("shop", "media")
    assert (error.__traceback__, error.__context__, error.__cause__) == (None, None, None)


def test_a_provider_that_never_joins():
    ran = world()
    running = Running(ran)
    twist(ran, "shop").changes[Kind.PROPOSAL] = lambda said: (running.thread(pass_time, ran), [said])[1]
    error = running.run("shop")
    assert (type(error), error.blame) == (OfferExpired, "media")
    assert type(running.errors["shop"]) is OfferExpired


def pass_time(ran):
    deadline = threading.Event()
    while not ran.enclave._course.rounds and not deadline.wait(0.01):
        continue
    ran.clock.time += 601


def test_nobody_joins():
    ran = world()
    running = Running(ran)
    ran.clock.time += 601
    error = running.run()
    assert (type(error), error.blame) == (PartyLost, "shop")


def test_a_stranger_is_refused_and_the_task_goes_on():
    running = Running(world())
    running.ran.scripts["maps"] = None
    running.start("maps")
    assert running.run("shop", "media") is None
    assert type(running.refused["maps"]) is RemoteProtocolError


def test_a_second_channel_takes_the_place_of_the_first():
    running = Running(world(), returns=0)
    running.start("media")
    while "media" not in running.door._visits:
        threading.Event().wait(0.01)
    running.start("media")
    assert running.run("shop") is None
    assert type(running.refused["media"]) is RemoteProtocolError
    assert "joined again" in str(running.refused["media"])
    assert [type(error) for error in running.broken["media"]] == [ChannelClosed]


def test_an_envelope_that_does_not_open_ends_its_channel_only():
    running = Running(world(), returns=1)
    running.start("media")
    running.links["media"].send(b"x" * 64)
    assert running.run("shop") is None
    assert len(running.broken["media"]) == 1
    assert running.errors == {}


def test_what_comes_after_the_end_of_a_channel_is_ignored():
    running = Running(world())
    assert running.run("shop", "media") is None
    visit = running.driver._newest["media"]
    running.driver._take(Heard(visit, b"late"))
    running.driver._answer(Lost(visit))


def test_two_providers():
    running = Running(world(train_job(providers=("media", "maps"))))
    assert running.run("maps", "media", "shop") is None
    assert running.errors == {}
