"""Random accidents and mischief on the wire and at the parties, by op list. Accidents of the network cost
channels, never the task: the parties come back and everybody keeps the same receipt, the initiator the
undisturbed result. Whatever else happens, it is that or errors; and nothing leaks.
"""

import functools

import pytest
from fakes.examples import EXAMPLES
from fakes.mischief import flipped, twist
from fakes.shop import ROWS, dataset_of, predict_job, train_job, world
from fakes.world import predict_task, train_task
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from confide.algorithms import model_file
from confide.core import canonical
from confide.core.errors import CertificateInvalid, ConfideError, LocalProtocolError
from confide.core.platform_api import TaskKind
from confide.data.schema import IdColumn, IdType, Schema
from confide.protocol import messages
from confide.protocol.messages import Kind

PARTIES = ("shop", "media")
STALLS = 3
"""How often a run that stands still is taken up again: more often than ops can drop something."""
LAST = 108
"""More deliveries than an undisturbed run of training and prediction has."""

at = st.integers(0, LAST)
party = st.sampled_from(PARTIES)
ACCIDENTS = ("drop", "duplicate", "reorder", "corrupt", "reflect", "misdeliver")
NETWORK = st.one_of(
    st.tuples(st.sampled_from(ACCIDENTS), at),
    st.tuples(st.just("lose"), at, party),
    st.tuples(st.just("part"), at, party, st.integers(1, 12)),
    st.tuples(st.just("prefer"), at, party),
)
OPS = st.one_of(
    NETWORK,
    st.tuples(st.just("kill"), at, party),
    st.tuples(st.just("advance"), at, st.sampled_from([1, 299, 601, 3601, 10**6])),
    st.tuples(st.just("say"), at, party, st.sampled_from(Kind)),
    st.tuples(st.just("forge"), at, party, st.sampled_from(Kind)),
)


class Simulation:
    """One World under an op list."""

    def __init__(self, ops):
        self.ran = world(train_job(), predict_job(predict_task(train_task())))
        self.ran._datasets["media"][TaskKind.TRAIN] = provider_data()
        self.heard = twist(self.ran, "media").heard
        self.ops = ops
        self.dead = set()
        self.away = {}
        """Until which delivery a party that has lost its channel stays away."""
        self.delivered = 0

    def run(self):
        for name in PARTIES:
            self.ran.join(name)
        self._deliver()
        # What was dropped without a trace: the connections turn out to be dead, and are made anew.
        for _ in range(STALLS):
            if not self._over():
                for name in PARTIES:
                    self.lose(name)
                self._deliver()
        self._wait()
        return self

    def _over(self):
        return self.ran.enclave.closed or "enclave" in self.ran.errors

    def _deliver(self):
        while self.ran.busy or (self.ran.broken.keys() - self.dead and not self._over()):
            for op in [op for op in self.ops if op[1] == self.delivered]:
                getattr(self, op[0])(*op[2:])
            self.delivered += 1
            self._come_back()
            self._bury()
            self.ran.step()

    def _come_back(self):
        """Whose channel is lost, and who is not dead, comes back: at once, or when it is its time."""
        for name in tuple(self.ran.broken):
            if name in self.dead or self._over() or self.delivered < self.away.get(name, 0):
                continue
            try:
                self.ran.join(name)
            except CertificateInvalid:
                self.dead.add(name)

    def _bury(self):
        """Nothing from or to the dead; the enclave's driver notices their links' end."""
        self.ran.wire = type(self.ran.wire)(
            (sender, to, envelope) for sender, to, envelope in self.ran.wire if not {sender, to} & self.dead
        )

    def _wait(self):
        """A run that stands still ends by the clock."""
        if not self.ran.enclave.closed and "enclave" not in self.ran.errors:
            self.ran.clock.time += 10**6
            self.ran.tick()
            self._deliver()

    # --- ops ---------------------------------------------------------------------------------------------

    def drop(self):
        if self.ran.wire:
            self.ran.wire.popleft()

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

    def prefer(self, name):
        """The other's envelopes take longer."""
        self.ran.prefer(name)

    def kill(self, name):
        """Without coming back: the enclave waits for it, in vain."""
        self.lose(name)
        self.dead.add(name)

    def advance(self, seconds):
        self.ran.clock.time += seconds

    def say(self, name, kind):
        """What the table may allow; if not, our own end refuses it."""
        try:
            self.ran.say_as(name, EXAMPLES[kind].message, EXAMPLES[kind].payload)
        except LocalProtocolError:
            return
        except ConfideError:
            assert self.ran.ends[name].session.ended or name in self.ran.errors

    def forge(self, name, kind):
        """A party with software of its own seals what it likes."""
        end = self.ran.ends[name]
        try:
            envelope = end._sealing.seal(messages.encode(EXAMPLES[kind]), end.session.epoch)
        except ConfideError:
            return
        self.ran.wire.append((name, "enclave", envelope))


@functools.cache
def provider_data():
    """Some ids that shop does not have, some rows that can't be read."""
    rows = "".join(f"{row},p{row % 5}\n" for row in range(10, ROWS + 10))
    schema = Schema(
        id=IdColumn("id", IdType.INTEGER),
        label=None,
        columns={"page": train_task().features["media"][0].kind},
    )
    return dataset_of("id,page\n" + rows + "x,p1\n10,p1\n", schema)


@functools.cache
def undisturbed():
    run = Simulation([]).run()
    assert run.ran.errors == {}
    assert run.delivered < LAST
    return results(run.ran)


def results(ran):
    """What the initiator holds, without what is drawn anew in each run (salts, keys, signatures)."""
    return [
        (statement.kind, numbers(statement, data), canonical.encode(report.metrics), report.curve)
        for statement, _, report, data in ran.kept["shop"].results
    ]


def numbers(statement, data):
    """The bytes that were learned or predicted: a model file also holds signatures of its agreement."""
    if statement.kind == "predictions":
        return data
    return [(name, array.tobytes()) for name, array in sorted(model_file.read(data).arrays.items())]


def check(simulation):
    ran = simulation.ran
    assert all(isinstance(error, ConfideError) for error in ran.errors.values())
    assert "enclave" in ran.errors or ran.enclave.closed
    receipts = {canonical.encode(kept.receipt) for name in PARTIES for kept in ran.kept[name].receipts}
    assert len(receipts) <= 1
    if receipts:
        assert results(ran) == undisturbed()
    else:
        assert ran.errors
    assert results(ran) == undisturbed()[: len(results(ran))]
    nobody_else_knows(simulation)
    every_row_is_accounted_for(ran)


def nobody_else_knows(simulation):
    ran = simulation.ran
    assert ran.kept["media"].results == []
    kinds = {spoken.message.kind for spoken in simulation.heard}
    assert not kinds & {Kind.RESULT, Kind.RESULT_PART, Kind.RESULT_END}
    assert all(spoken.payload == b"" for spoken in simulation.heard)
    assert all(not getattr(spoken.message, "metrics", {}) for spoken in simulation.heard)
    assert all(kept.private == () for kept in ran.kept["media"].receipts)


def every_row_is_accounted_for(ran):
    for name in PARTIES:
        for kept in ran.kept[name].receipts:
            for done in kept.receipt.rounds:
                for counts in done.rows.values():
                    assert counts.sent == counts.joined + counts.unmatched + counts.quarantined
                    assert counts.sent == ROWS


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(OPS, min_size=1, max_size=4))
@example([("kill", 0, "shop"), ("kill", 0, "media")])
@example([("say", 3, "media", Kind.ABORT)])
@example([("advance", 5, 10**6)])
@example([("forge", 60, "shop", Kind.CLOSE)])
def test_any_op_list(ops):
    check(Simulation(ops).run())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(NETWORK, min_size=1, max_size=3))
@example([("lose", 0, "shop"), ("part", 0, "media", 5), ("corrupt", 30)])
@example([("part", 60, "media", 12), ("lose", 66, "shop"), ("drop", 70)])
def test_accidents_of_the_network_cost_channels_only(ops):
    simulation = Simulation(ops).run()
    check(simulation)
    went_well(simulation.ran)


def went_well(ran):
    """As if nothing had happened."""
    assert ran.errors == {}
    assert ran.enclave.closed
    assert results(ran) == undisturbed()
    assert all(len(ran.kept[name].receipts) == 1 for name in PARTIES)


@pytest.mark.parametrize("op", ACCIDENTS)
def test_one_accident_anywhere(op):
    """Spread over the run, each kind of accident at moments of its own: none is silent, none is final."""
    for moment in range(ACCIDENTS.index(op), LAST, 12):
        simulation = Simulation([(op, moment)]).run()
        check(simulation)
        went_well(simulation.ran)


def test_the_undisturbed_run():
    simulation = Simulation([]).run()
    check(simulation)
    ran = simulation.ran
    rows = ran.kept["media"].receipts[0].receipt.rounds[0].rows
    assert rows["shop"].joined == rows["media"].joined == ROWS - 10
    assert rows["media"].unmatched == 10
    assert [kind for kind, *_ in results(ran)] == ["model", "predictions"]
