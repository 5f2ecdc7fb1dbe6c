"""The enclave's loop with real threads, the parties' loops at the other ends of memory links."""

import threading

from fakes.ports import SeededRandomness
from fakes.shop import authority

from confide.core.enclave_config import der_of_pem
from confide.core.errors import ConfideError, SealError, TransportError
from confide.enclave.serving.door import Door
from confide.enclave.serving.driver import Driver
from confide.enclave.serving.inbox import Inbox
from confide.enclave.work import Step
from confide.protocol.roles import Role
from confide.session.conversation import converse
from confide.session.join import NOTHING, join
from confide.transport.memory import link_pair

PATIENCE = 20
"""Seconds after which a test has hung."""


class Running:
    """The roles of a World, each with its own thread; whose channel is lost comes back `returns` times."""

    def __init__(self, ran, returns=0):
        self.ran = ran
        self.inbox = Inbox()
        self.stopping = threading.Event()
        self.reports = []
        self.errors = {}
        self.refused = {}
        self.broken = {}
        self.returns = returns
        self.links = {}
        self.enclave_links = []
        self.cancelled = {}
        self.threads = []
        self.door = Door(ran.enclave._context, ran.attested, ran.hpke, self.inbox)
        self.driver = Driver(
            ran.enclave,
            self.inbox,
            lambda state, waiting, _: self.reports.append((state, tuple(waiting))),
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
            randomness=SeededRandomness(f"join {name} {len(self.enclave_links)}"),
            last=self.ran.party(name).last_signed if self.ran.scripts[name] else NOTHING,
        )
        self.links[name] = ours
        self.cancelled.setdefault(name, threading.Event())
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
        except (TransportError, SealError) as error:
            self.broken.setdefault(name, []).append(error)
            if self.ran.scripts[name]:
                self.ran.party(name).lost()
            if self.returns:
                link.close()
                self.returns -= 1
                self.start(name)
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

    def run(self, agreement, model, shelves, randomness, checkpoints):
        try:
            while True:
                self.steps += 1
                self.at_step(self.steps)
                yield Step(stage="train", done=self.steps, total=10**6)
        finally:
            self.stopped.set()
