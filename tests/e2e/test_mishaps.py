"""A few mishaps of real processes; scripts/try_mishaps.py tries all of them at every step."""

import pytest
from fakes.mishaps import Arena

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def arena(tmp_path_factory):
    with Arena(tmp_path_factory.mktemp("arena")) as arena:
        yield arena


def test_a_full_disk_at_the_host_is_waited_for(arena):
    case = arena.run("host's disk full, then not", "agreed")
    assert (case.completed, case.lost) == (True, [])
    assert case.numbers == arena.reference


def test_after_a_killed_enclave_the_task_completes_as_if_undisturbed(arena):
    """A fresh one takes the task up, though this host keeps no blocks; test_deaths.py has one that does."""
    case = arena.run("enclave killed", "agreed")
    assert (case.completed, case.lost) == (True, [])
    assert case.numbers == arena.reference
    assert len(case.numbers) == 2


def test_a_network_that_is_cut_and_restored_changes_nothing(arena):
    """Nor has what happened before: the same host serves."""
    case = arena.run("network cut, restored", "data-block")
    assert (case.completed, case.lost) == (True, [])
