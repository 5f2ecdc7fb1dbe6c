"""Several providers, stages, processes that die, direct ways: with intersections that are simulated."""

import stat

import pytest
from fakes import simulated_library
from fakes.aligning import ALL, COMMON, OF_ALL, agreed, of_all, run
from fakes.tunnels import both, free_port

from confide.app.common_rows import CommonRows
from confide.app.party_config import DirectEntry
from confide.core import limits
from confide.core.digest import digest_of, sha384_hex
from confide.core.errors import IntersectionTooSmall, JournalInvalid, TaskCancelled
from confide.mpc import intersection


@pytest.fixture(autouse=True)
def simulated(monkeypatch):
    """Ids are intersected without the library: what is tested here is around it."""
    monkeypatch.setattr(intersection, "run_worker", simulated_library.run_worker)


def test_several_bring_the_same_ids_in_the_same_order(sides, rows):
    here = sides(names=ALL)
    found = run(here, rows, of_all())
    assert [brought.manifest.rows for brought in found] == [OF_ALL] * 3
    assert len({brought.id_set_digest() for brought in found}) == 1
    assert found[0].column("id") == found[1].column("id") == found[2].column("id")


def test_of_several_the_initiator_alone_learns(sides, rows):
    alice, bob, carl = run(sides(names=ALL), rows, of_all(membership="initiator"))
    assert alice.manifest.rows == OF_ALL
    assert (bob, carl) == (rows["bob"], rows["carl"])


@pytest.mark.parametrize(
    "task",
    [of_all(minimum_size=COMMON + 1), agreed(minimum_size=COMMON + 1, minimum_first=True)],
    ids=["several", "one"],
)
def test_providers_learn_nothing_of_too_few_in_common(sides, rows, task):
    """Several do not in any case, one where the task says `minimum_first`: the initiator leaves before."""
    here = sides(names=task.participants)

    def first():
        try:
            return here["alice"].align(task, rows["alice"])
        finally:  # it tells the enclave, which tells the others
            for side in here.values():
                side.align.cancelled.set()

    rest = [lambda name=name: here[name].align(task, rows[name]) for name in task.providers]
    found = both(first, *rest)
    assert [type(error) for error in found] == [IntersectionTooSmall, *[TaskCancelled] * len(rest)]
    for name in task.providers:
        manifest = sha384_hex(rows[name].manifest_bytes)
        kept = CommonRows(here[name].align.journal).of(digest_of(task), manifest)
        assert all(run.common is None for run in kept.values())


# --- a process that dies ------------------------------------------------------------------------------


def test_what_was_found_is_taken_up_by_another_process(sides, rows):
    """Without the other party, which has gone on."""
    here, task = sides(), agreed()
    before = run(here, rows, task)[1]
    again = sides(names=("bob",))["bob"]
    found = again.align.recall(task, rows["bob"])
    assert found.manifest_bytes == before.manifest_bytes
    assert again.align.recall(agreed(minimum_size=2), rows["bob"]) is None


def test_who_was_not_heard_of_last_is_waited_for_a_while(sides, rows, monkeypatch):
    """The other one may have heard us, or not: it does not come, and both go on with the same ids."""
    monkeypatch.setattr(limits, "LAST_WORD_SECONDS", -1)
    here, task = sides(), agreed()
    before = run(here, rows, task)[1]
    common = CommonRows(here["bob"].align.journal)
    common.of(digest_of(task), sha384_hex(rows["bob"].manifest_bytes))[0].heard = False
    common.write()
    again = sides(names=("bob",))["bob"]
    assert again.align(task, rows["bob"]).manifest_bytes == before.manifest_bytes


def test_common_rows_of_another_dataset_are_not_used(sides, rows):
    here, task = sides(), agreed()
    run(here, rows, task)
    again = sides(names=("bob",))["bob"]
    with pytest.raises(JournalInvalid, match="changed"):
        again.align.recall(task, rows["carl"])
    assert b"dataset" not in (again.folder.folder / "common.sealed").read_bytes()
    assert stat.S_IMODE((again.folder.folder / "common.sealed").stat().st_mode) == 0o600


# --- without the relay --------------------------------------------------------------------------------


class NoRelay:
    """A client of the host that can't relay."""

    def __init__(self, client):
        self.get_task = client.get_task


def directly(port):
    address = f"127.0.0.1:{port}"
    return {"alice": {"bob": DirectEntry(address=address)}, "bob": {"alice": DirectEntry(listen=address)}}


def test_who_can_reach_each_other_needs_no_relay(sides, rows):
    here = sides(direct=directly(free_port()), change=NoRelay)
    alice, bob = run(here, rows, agreed())
    assert alice.column("id") == bob.column("id")
