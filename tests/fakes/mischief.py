"""Participants and enclaves that say something else than their scripts: everything passes real channels."""

from msgspec.structs import replace

from confide.enclave.coordination.context import Say
from confide.protocol.framing import Spoken


class Twisted:
    """A party's script whose words are changed on the way out, and which notes all that it hears.

    `changes[kind](spoken)` gives what is said instead of an answer of that kind (an iterable);
    `instead[kind](spoken)` answers a heard message in the script's place.
    """

    def __init__(self, script):
        self.script = script
        self.heard = []
        self.changes = {}
        self.instead = {}

    def hear(self, spoken):
        self.heard.append(spoken)
        answer = self.instead.get(spoken.message.kind, self.script.hear)
        for said in answer(spoken):
            change = self.changes.get(said.message.kind)
            yield from [said] if change is None else change(said)


class TwistedEnclave:
    """A coordinator whose words are changed on the way out: a hostile or broken enclave.

    `changes[kind](say)` gives what is said instead (an iterable of Say).
    """

    def __init__(self, coordinator):
        self.coordinator = coordinator
        self.changes = {}

    def __getattr__(self, name):
        return getattr(self.coordinator, name)

    def joined(self, member, statement):
        return self._twist(self.coordinator.joined(member, statement))

    def work_on(self):
        return self._twist(self.coordinator.work_on())

    def hear(self, party, spoken):
        return self._twist(self.coordinator.hear(party, spoken))

    def _twist(self, says):
        for say in says:
            change = self.changes.get(say.message.kind)
            yield from [say] if change is None else change(say)


def twist(world, name):
    """Put a Twisted around a party's script (once)."""
    script = world.scripts[name]
    if not isinstance(script, Twisted):
        world.scripts[name] = script = Twisted(script)
    return script


def twist_enclave(world):
    """Put a TwistedEnclave around the coordinator (once)."""
    if not isinstance(world.enclave, TwistedEnclave):
        world.enclave = TwistedEnclave(world.enclave)
    return world.enclave


def times(count, change):
    """Apply `change` to the first `count` messages, then none."""
    left = [count]

    def changed(said):
        if left[0] <= 0:
            return [said]
        left[0] -= 1
        return change(said)

    return changed


def with_fields(**fields):
    """A change of a party's message: the same with these fields replaced."""
    return lambda said: [Spoken(replace(said.message, **fields), said.payload)]


def with_payload(change):
    """A change of a party's payload."""
    return lambda said: [Spoken(said.message, change(said.payload))]


def flipped(data):
    """The same bytes but for one bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def say_to(to, change):
    """A change of the enclave's words to one party only: `change(message)` gives the new message."""
    return lambda say: [Say(say.to, change(say.message), say.payload) if say.to == to else say]
