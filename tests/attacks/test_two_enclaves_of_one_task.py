"""Threat: the host runs two enclaves for one task at a time, and leads one party to the one and another to
the other, or a party back and forth: to have data used twice, or to have each see another course of the task.
Or it replaces the software where the task is taken up.

Measure: each enclave's configuration has its number, and the evidence binds it. A party turns to another
enclave only if that has a greater number and runs the same software, and never turns back. A fresh enclave
works under no agreement that not all have signed anew with it, so one at most can have them all.
"""

from types import SimpleNamespace

import pytest
from fakes.coming_back import go_on, run_to
from fakes.shop import world
from msgspec.structs import replace

from confide.app.resuming import check_succession
from confide.core import limits
from confide.core.errors import EnclaveReplaced, PartyLost
from confide.protocol.kinds import Kind
from confide.protocol.table import State


@pytest.mark.parametrize("here", ["shop", "media"])
def test_with_half_of_the_parties_no_enclave_goes_on(here):
    """The other one stays with the enclave that it had, or was led elsewhere."""
    ran = run_to(world(), "shop", State.WORKING)
    ran.kill_enclave()
    ran.walked.clear()
    ran.join(here)
    go_on(ran)
    (other,) = {"shop", "media"} - {here}
    assert set(ran.enclave.waiting) == {other}
    assert not {kind for _, _, kind in ran.walked} & {Kind.AGREED, Kind.START, Kind.DATA_BLOCK}
    ran.clock.time += limits.IDLE_SECONDS
    ran.tick()
    assert (type(ran.errors["enclave"]), ran.errors["enclave"].blame) == (PartyLost, other)
    assert ran.kept["shop"].results == []


def verified(identity, generation):
    return SimpleNamespace(identity=identity, generation=generation)


def test_a_party_turns_to_a_later_enclave_only():
    ran = world()
    first = ran.identity
    ran.kill_enclave()
    later = ran.identity
    check_succession(verified(first, 0), first, 0)
    check_succession(verified(later, 1), first, 0)
    for generation in (0, 1):
        with pytest.raises(EnclaveReplaced, match="not later"):
            check_succession(verified(first, generation), later, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"measurement": "00" * 32},
        {"trust_root": "00" * 32},
        {"tee": "tdx"},
        {"runtime_measurements": ("00",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_later_enclave_with_other_software_is_refused(other):
    ran = world()
    first = ran.identity
    ran.kill_enclave()
    with pytest.raises(EnclaveReplaced, match="other software"):
        check_succession(verified(replace(ran.identity, **other), 1), first, 0)
