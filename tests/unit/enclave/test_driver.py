"""The enclave's loop with real threads, the parties' loops at the other ends of memory links."""

import threading

import pytest
from fakes.mischief import twist
from fakes.ports import SeededRandomness
from fakes.shop import authority, train_job, world

from confide.core import limits
from confide.core.enclave_config import der_of_pem
from confide.core.errors import (
    ChannelClosed,
    ConfideError,
    OfferExpired,
    PartyLost,
    RemoteProtocolError,
    SealError,
    TaskCancelled,
    WorkFailed,
)
from confide.enclave.door import Door
from confide.enclave.driver import Driver, Heard, Lost
from confide.enclave.inbox import Inbox
from confide.enclave.work import Step
from confide.protocol.messages import Kind
from confide.protocol.roles import Role
from confide.session.conversation import converse
from confide.session.join import join
from confide.transport.memory import link_pair

PATIENCE = 20
"""Seconds after which a test has hung."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.02)


class Running:
    """The roles of a World, each with its own thread."""

    def __init__(self, ran):
        self.ran = ran
        self.inbox = Inbox()
        self.stopping = threading.Event()
        self.reports = []
        self.errors = {}
        self.refused = {}
        self.links = {}
        self.enclave_links = []
        self.cancelled = {}
        self.threads = []
        self.door = Door(ran.enclave._context, ran.attested, ran.hpke, self.inbox)
        self.driver = Driver(
            ran.enclave,
            ran.config.participants,
            self.inbox,
            lambda *report: self.reports.append(report),
            self.stopping,
        )

    def thread(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def start(self, name):
        ours, theirs = link_pair()
        key, pem = authority().identity(name)
        certificate = der_of_pem(pem.decode())
        envelope, channel = join(
            self.ran.attested,
            party=name,
            role=Role.A if name == self.ran.initiator else Role.B,
            certificate=certificate,
            signer=key,
            randomness=SeededRandomness(f"join {name}"),
        )
        self.links[name], self.cancelled[name] = ours, threading.Event()
        self.enclave_links.append(theirs)
        ours.send(envelope)
        self.thread(self._serve, name, certificate, theirs)
        self.thread(self._talk, name, channel, ours)

    def _serve(self, name, certificate, link):
        try:
            self.door.serve(certificate, link)
        except ConfideError as error:
            self.refused[name] = error
            link.close()

    def _talk(self, name, channel, link):
        try:
            converse(
                link,
                channel,
                self.ran.scripts[name],
                note=lambda *_: None,
                cancelled=self.cancelled[name],
                us=name,
            )
        except ConfideError as error:
            self.errors[name] = error
        finally:
            link.close()

    def run(self, *names):
        """The driver's verdict."""
        verdict = []
        for name in names:
            self.start(name)
        driver = threading.Thread(target=lambda: verdict.append(self.driver.run()), daemon=True)
        driver.start()
        driver.join(PATIENCE)
        assert verdict, "the driver has hung"
        for link in self.enclave_links:
            link.close()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        return verdict[0]


class Endless:
    """Work that never ends by itself."""

    def __init__(self, at_step):
        self.at_step = at_step
        self.steps = 0
        self.stopped = threading.Event()

    def run(self, agreement, model, shelves, randomness):
        try:
            while True:
                self.steps += 1
                self.at_step(self.steps)
                yield Step(stage="train", done=self.steps, total=10**6)
        finally:
            self.stopped.set()


def wiped(running):
    assert running.ran.enclave._round is None
    assert running.ran.enclave._models == {}
    for channel in running.driver._channels.values():
        with pytest.raises(SealError):
            channel.hear(b"x" * 64)


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
def test_a_party_that_is_lost_during_work_ends_it(party):
    work = Endless(lambda step: step == 5 and running.links[party].close())
    running = Running(world(work=work))
    error = running.run("shop", "media")
    assert (type(error), error.blame) == (PartyLost, party)
    assert work.stopped.is_set()
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


def test_work_that_fails_is_told_to_all():
    def fail(_):
        raise WorkFailed("the training diverged")

    running = Running(world(work=Endless(fail)))
    assert type(running.run("shop", "media")) is WorkFailed
    assert {str(error) for error in running.errors.values()} == {"the training diverged"}


def test_the_verdict_holds_on_to_no_data():
    """An error's frames hold what was opened: the wipe would not reach it."""
    work = Endless(lambda step: step == 2 and running.links["media"].close())
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
    while not ran.enclave._round and not deadline.wait(0.01):
        continue
    ran.clock.time += 601


def test_nobody_joins():
    ran = world()
    running = Running(ran)
    ran.clock.time += 301
    error = running.run()
    assert (type(error), error.blame) == (PartyLost, "shop")


def test_a_stranger_is_refused_and_the_task_goes_on():
    running = Running(world())
    running.ran.scripts["maps"] = None
    running.start("maps")
    assert running.run("shop", "media") is None
    assert type(running.refused["maps"]) is RemoteProtocolError


def test_a_second_join_is_refused_and_the_task_goes_on():
    running = Running(world())
    running.start("media")
    while "media" not in running.door._inside:
        threading.Event().wait(0.01)
    script = running.ran.scripts["media"]
    running.start("media")
    running.ran.scripts["media"] = script
    assert running.run("shop") is None
    assert type(running.refused["media"]) is RemoteProtocolError


def test_an_envelope_that_does_not_open_names_the_party():
    running = Running(world())
    running.start("media")
    running.links["media"].send(b"x" * 64)
    error = running.run("shop")
    assert (type(error), error.blame) == (SealError, "media")
    assert type(running.errors["shop"]) in {WorkFailed, ChannelClosed}


def test_what_comes_after_the_end_of_a_channel_is_ignored():
    running = Running(world())
    assert running.run("shop", "media") is None
    running.driver._take(Heard("media", b"late"))
    running.driver._take(Lost("media"))
    running.driver._take(Lost("nobody"))


def test_two_providers():
    running = Running(world(train_job(providers=("media", "maps"))))
    assert running.run("maps", "media", "shop") is None
    assert running.errors == {}
