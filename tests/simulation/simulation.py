"""All roles in one process under a list of operations: two parties, the enclave, the host; one clock.

An op is (name, at, …): done when so many envelopes have been delivered. Delivering is what happens by itself.
"""

from collections import deque

from fakes.examples import EXAMPLES
from fakes.mischief import flipped, twist
from fakes.shop import predict_job, train_job, world
from fakes.task_host import TaskHost
from fakes.world import predict_task, train_task
from simulation import canaries

from confide.core.errors import (
    CertificateInvalid,
    ChannelClosed,
    ConfideError,
    LocalProtocolError,
    PlatformFailed,
)
from confide.core.platform_api import TaskKind
from confide.party import written
from confide.platform import tasks
from confide.protocol import faults, framing
from confide.protocol.kinds import Kind
from confide.protocol.terms import Split

PARTIES = ("shop", "media")
ENCLAVE, HOST = "enclave", "host"
ROLES = (*PARTIES, ENCLAVE, HOST)
STALLS = 3
"""How often a run that stands still is taken up again: more often than ops can drop something."""
LAST = 108
"""More deliveries than an undisturbed run of training and prediction has."""
LONG = 10**6
"""Seconds: longer than anybody waits."""


class Simulation:
    """One World under an op list."""

    def __init__(self, ops):
        training = train_task(split=Split(holdout=0.05, seed=1))
        self.ran = world(
            train_job(split=training.split, dataset=canaries.data("shop", TaskKind.TRAIN)),
            predict_job(predict_task(training), dataset=canaries.data("shop", TaskKind.PREDICT)),
        )
        self.ran._datasets["media"] = {kind: canaries.data("media", kind) for kind in TaskKind}
        self.heard = twist(self.ran, "media").heard
        self.host = TaskHost(self.ran)
        self.ops = ops
        self.dead = set()
        self.closed_in = {}
        """Of a party that holds the receipt: the generation of the last enclave that it was with."""
        self.took_leave = set()
        """Parties whose end is their own, and may not have been heard: it was lost, or their enclave died."""
        self.away = {}
        """Until which delivery a party that has lost its channel stays away."""
        self.delayed = {}
        """Until which delivery nothing passes on a party's channel."""
        self.delivered = 0

    def run(self):
        for name in PARTIES:
            self.ran.join(name)
        self._deliver()
        # What was dropped without a trace: the connections turn out to be dead, and are made anew.
        for _ in range(STALLS):
            if not self.over:
                for name in PARTIES:
                    self.lose(name)
                self._deliver()
        self._wait()
        return self

    @property
    def over(self):
        """Whether the enclave's process has nothing left to do, or is gone."""
        return self.ran.enclave.closed or ENCLAVE in self.ran.errors

    def settled(self, name):
        """Whether a party has nothing left to do: it is dead, was told an end, or holds the receipt, and no
        later enclave may want to see it.
        """
        held = self.closed_in.get(name) == self.ran.generation or (self._holds_receipt(name) and self.over)
        return name in self.dead or name in self.ran.errors or held

    def _deliver(self):
        while self.ran.busy or self._somebody_comes_back():
            for op in [op for op in self.ops if op[1] == self.delivered]:
                getattr(self, op[0])(*op[2:])
            self.delivered += 1
            self._tell_host()
            self._come_back()
            self._bury()
            self._hold()
            self.ran.step()
            self._tell_host()
            for name in PARTIES:
                if self._holds_receipt(name) and name not in self.ran.broken:
                    self.closed_in[name] = self.ran.generation

    def _somebody_comes_back(self):
        return any(not self.settled(name) for name in self.ran.broken) and (self.host.up or not self.over)

    def _tell_host(self):
        if not self.over:
            self.host.hear(self.ran.enclave.phase, self.ran.enclave.waiting)
        elif self.host.up and self.host.outcome is None:
            error = self.ran.errors.get(ENCLAVE)
            killed = isinstance(error, PlatformFailed)
            self.host.end(tasks.DIED if killed else "completed" if error is None else error.code)

    def _come_back(self):
        """Whose channel is lost comes back, at once or when it is its time: first it looks at the host."""
        for name in [name for name in self.ran.broken if not self.settled(name)]:
            if self.delivered < self.away.get(name, 0):
                continue
            try:
                if self.host.up:
                    self.host.status(name)
                if not self.over:
                    self.ran.join(name)
            except (PlatformFailed, CertificateInvalid) as end:
                self.ran.errors[name] = end

    def _bury(self):
        """Nothing from or to the dead; the enclave's driver notices their links' end."""
        gone = self.dead & set(PARTIES)
        self.ran.wire = deque(entry for entry in self.ran.wire if not gone & set(entry[:2]))

    def _hold(self):
        """What is delivered next is on a channel that is not delayed, as long as there is one."""
        for entry in self.ran.wire:
            if all(self.delayed.get(name, 0) <= self.delivered for name in entry[:2]):
                self.ran.wire.remove(entry)
                self.ran.wire.appendleft(entry)
                return

    def _wait(self):
        """A run that stands still ends by the clock."""
        if not self.over:
            self.ran.clock.time += LONG
            self.ran.tick()
            self._deliver()
        # With the enclave's process its connections end: who was told nothing asks the host.
        for name in PARTIES:
            self.lose(name)
        self._deliver()
        for name in PARTIES:
            if name in self.ran.broken and not self.settled(name):
                self.ran.errors[name] = ChannelClosed("the enclave could not be reached again in time")

    # --- ops: the network ----------------------------------------------------------------------------------

    def deliver(self, name):
        """What is on this party's channel comes first."""
        self.ran.prefer(name)

    def drop(self):
        if self.ran.wire:
            self.ran.wire.popleft()

    def delay(self, name, deliveries):
        """Nothing passes on this party's channel meanwhile."""
        self.delayed[name] = self.delivered + deliveries

    def duplicate(self):
        if self.ran.wire:
            self.ran.wire.appendleft(self.ran.wire[0])

    def reorder(self):
        self.ran.wire.rotate(1)

    def corrupt(self):
        if self.ran.wire:
            sender, to, envelope = self.ran.wire.popleft()
            self.ran.wire.appendleft((sender, to, flipped(envelope)))

    def reflect(self):
        """Back to whom it came from."""
        if self.ran.wire:
            sender, to, envelope = self.ran.wire.popleft()
            self.ran.wire.appendleft((to, sender, envelope))

    def misdeliver(self):
        """To the other party, or in the other party's name."""
        other = {"shop": "media", "media": "shop"}
        if self.ran.wire:
            sender, to, envelope = self.ran.wire.popleft()
            self.ran.wire.appendleft((other.get(sender, sender), other.get(to, to), envelope))

    def lose(self, name):
        """The connection breaks."""
        if name not in self.ran.broken and not self.ran.ends[name].session.ended:
            self.ran.lose(name)

    def part(self, name, deliveries):
        """The connection breaks, and it takes a while until there is another."""
        self.lose(name)
        self.away[name] = self.delivered + deliveries

    # --- ops: processes and the clock ----------------------------------------------------------------------

    def kill(self, name):
        """The process of a role is gone, with all that it had in memory."""
        if name == ENCLAVE:
            self._kill_enclave()
        elif name == HOST:
            self._kill_host()
        else:
            self.lose(name)
            self.dead.add(name)

    def _kill_enclave(self):
        """The host starts another one."""
        if self.over:
            return
        if self.host.take_up():
            self._fresh_enclave()
        else:
            self._enclave_ends("the enclave died")

    def _fresh_enclave(self):
        self.took_leave |= set(PARTIES) & set(self.ran.errors)
        self.ran.errors.pop(ENCLAVE, None)
        self.ran.kill_enclave()

    def _enclave_ends(self, why):
        """Without a word to anybody."""
        self.ran.errors[ENCLAVE] = PlatformFailed(why, blame="platform")
        for name in PARTIES:
            self.lose(name)

    def _kill_host(self):
        """Its enclaves end with it: nobody would record their ends."""
        self._tell_host()
        self.host.kill()
        if not self.over:
            self._enclave_ends("the host is gone")

    def restart(self, name):
        """Killed, if it is not dead already, and started again with what lies on its disk."""
        self.kill(name)
        if name == HOST:
            if self.host.restart():
                self._fresh_enclave()
        elif name in PARTIES and name not in self.ran.errors:
            self._restart_party(name)

    def _holds_receipt(self, name):
        return bool(self.ran.kept[name].receipts)

    def _restart_party(self, name):
        """It finds the task again if it still runs, and goes on from its journal."""
        if self.host.up and self.host.outcome is not None:
            return
        ran = self.ran
        before, came = ran.party(name).standing, ran.kept[name].came
        journal = written.read(written.write(before, ran.identity, ran.generation))
        heard = getattr(ran.scripts[name], "heard", None)
        ran.scripts[name] = ran._script(name)
        ran.party(name).take_up(written.standing_of(journal, before.dataset, came))
        if heard is not None:
            twist(ran, name).heard = heard
        ran.broken.setdefault(name, None)
        self.closed_in.pop(name, None)
        self.dead.discard(name)

    def advance(self, seconds):
        """The enclave looks at its clock when it has nothing else to do."""
        self.ran.clock.time += seconds
        if not self.ran.busy and not self.over:
            self.ran.tick()

    # --- ops: words ----------------------------------------------------------------------------------------

    def say(self, name, kind):
        """What the table may allow; if not, our own end refuses it. Who says ABORT knows why."""
        example = EXAMPLES[kind]
        try:
            self.ran.say_as(name, example.message, example.payload)
            if kind is Kind.ABORT:
                self.took_leave.add(name)
                self.ran.errors.setdefault(name, faults.told_by(name, example.message))
        except LocalProtocolError:
            return
        except ConfideError:
            gone = name in self.ran.broken or name in self.ran.errors
            assert gone or self.ran.ends[name].session.ended

    def forge(self, name, kind):
        """A party with software of its own seals what it likes."""
        end = self.ran.ends[name]
        try:
            envelope = end._sealing.seal(framing.encode(EXAMPLES[kind]), end.session.epoch)
        except ConfideError:
            return
        self.ran.wire.append((name, "enclave", envelope))
