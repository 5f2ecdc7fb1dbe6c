"""Random accidents and mischief on the wire and at every role, by op list. Accidents of the network cost
channels, never the task: the parties come back and everybody keeps the same receipt, the initiator the
undisturbed result. So do deaths of whoever is started again. Whatever else happens, it is that or one
refusal, seen alike by all; and nothing leaks.
"""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from simulation.judgement import check, went_well
from simulation.simulation import ENCLAVE, LAST, PARTIES, ROLES, Simulation

from confide.protocol.kinds import Kind

at = st.integers(0, LAST)
party = st.sampled_from(PARTIES)
role = st.sampled_from(ROLES)
ACCIDENTS = ("drop", "duplicate", "reorder", "corrupt", "reflect", "misdeliver")
NETWORK = st.one_of(
    st.tuples(st.sampled_from(ACCIDENTS), at),
    st.tuples(st.sampled_from(["lose", "deliver"]), at, party),
    st.tuples(st.sampled_from(["part", "delay"]), at, party, st.integers(1, 12)),
)
OPS = st.one_of(
    NETWORK,
    st.tuples(st.sampled_from(["kill", "restart"]), at, role),
    st.tuples(st.just("advance"), at, st.sampled_from([1, 299, 601, 3601, 10**6])),
    st.tuples(st.sampled_from(["say", "forge"]), at, party, st.sampled_from(Kind)),
)
QUICK = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


@settings(max_examples=60, **QUICK)
@given(st.lists(OPS, min_size=1, max_size=4))
@example([("kill", 0, "shop"), ("kill", 0, "media")])
@example([("say", 3, "media", Kind.ABORT)])
@example([("advance", 5, 10**6)])
@example([("forge", 60, "shop", Kind.CLOSE)])
@example([("restart", 56, "enclave"), ("forge", 58, "shop", Kind.CLOSE)])
@example([("say", 64, "shop", Kind.ABORT), ("drop", 64)])
def test_any_op_list(ops):
    check(Simulation(ops).run())


@settings(max_examples=30, **QUICK)
@given(st.lists(NETWORK, min_size=1, max_size=3))
@example([("lose", 0, "shop"), ("part", 0, "media", 5), ("corrupt", 30)])
@example([("part", 60, "media", 12), ("lose", 66, "shop"), ("drop", 70)])
def test_accidents_of_the_network_cost_channels_only(ops):
    simulation = Simulation(ops).run()
    check(simulation)
    went_well(simulation.ran)


@pytest.mark.parametrize("op", ACCIDENTS)
def test_one_accident_anywhere(op):
    """Spread over the run, each kind of accident at moments of its own: none is silent, none is final."""
    for moment in range(ACCIDENTS.index(op), LAST, 12):
        simulation = Simulation([(op, moment)]).run()
        check(simulation)
        went_well(simulation.ran)


@pytest.mark.parametrize("op", ["kill", "restart"])
@pytest.mark.parametrize("name", ROLES)
def test_each_role_is_killed_anywhere(op, name):
    for moment in range(ROLES.index(name), LAST, 12):
        simulation = Simulation([(op, moment, name)]).run()
        check(simulation)
        if op == "restart" or name == ENCLAVE:
            went_well(simulation.ran)
