"""A party's way to its common rows: through a host that is really there, with what breaks on the way."""

import shutil
import stat
from types import SimpleNamespace

import msgspec
import pytest
from fakes.aligning import COMMON, agreed, run
from fakes.intersections import leftovers
from fakes.tunnels import both

from confide.core import limits
from confide.core.errors import IntersectionFailed, IntersectionTooSmall, TooManyQuarantined


def test_both_bring_the_same_ids_in_the_same_order(sides, rows):
    here, task = sides(), agreed()
    alice, bob = run(here, rows, task)
    assert alice.manifest.rows == bob.manifest.rows == COMMON
    assert alice.column("id") == bob.column("id")
    assert alice.id_set_digest() == bob.id_set_digest()
    assert here["alice"].align(task, rows["alice"]) is alice
    for side in here.values():
        assert side.told() == ["intersecting", "intersected"]
        side.align.close()
        side.align.journal.remove()
        assert leftovers(side.tasks) == [str(side.folder.folder)]


@pytest.mark.parametrize("frames", [1, 4, 9])
def test_a_leg_that_breaks_is_opened_anew(sides, rows, frames):
    """During the handshake, and during the intersection."""
    here = sides(frames)
    alice, bob = run(here, rows, agreed())
    assert alice.column("id") == bob.column("id")
    _, *again, done = here["alice"].told()  # it may come back before the other end has noticed
    assert (set(again), done) == ({"intersecting-again"}, "intersected")


def test_the_initiator_alone_learns(sides, rows):
    alice, bob = run(sides(), rows, agreed(membership="initiator"))
    assert alice.manifest.rows == COMMON
    assert bob is rows["bob"]


def test_too_few_in_common(sides, rows):
    here = sides()
    found = run(here, rows, agreed(minimum_size=COMMON + 1))
    assert [type(error) for error in found] == [IntersectionTooSmall] * 2
    here["alice"].align.journal.remove()
    assert leftovers(here["alice"].tasks) == [str(here["alice"].folder.folder)]


def test_other_terms_are_not_joined(sides, rows, monkeypatch):
    """Who has agreed to another task is not spoken to."""
    monkeypatch.setattr(limits, "MAX_RETRIES", 0)
    here, tasks = sides(), {"alice": agreed(), "bob": agreed(ids="text/1")}
    found = both(*[lambda name=name: here[name].align(tasks[name], rows[name]) for name in tasks])
    assert all(isinstance(error, IntersectionFailed) for error in found)


def test_quarantined_rows_are_counted_here(sides, rows):
    """The enclave will not hear of them."""
    whole = rows["alice"].manifest
    source = msgspec.structs.replace(whole.source, rows=whole.rows * 3)
    manifest = msgspec.structs.replace(whole, source=source, quarantined={"empty id": whole.rows * 2})
    with pytest.raises(TooManyQuarantined):
        sides()["alice"].align(agreed(), SimpleNamespace(manifest=manifest))


# --- few against many ---------------------------------------------------------------------------------


def modes_of(side):
    return {stat.S_IMODE(path.stat().st_mode) for path in (side.tasks / ".caches").rglob("*")}


def unbalanced(sides, rows, number):
    """A task of its own, by fresh processes: (both sides, what both bring, bytes that alice received)."""
    here = sides()
    found = run(here, rows, agreed(protocol="unbalanced", minimum_size=number))
    return here, [brought.column("id") for brought in found], here["alice"].facts("intersected")["received"]


def test_a_cache_is_used_again_and_is_private(sides, rows):
    """By other tasks; what lies there tells nothing; who has lost its part is sent it again."""
    here, made, first = unbalanced(sides, rows, 1)
    sealed = {path: path.read_bytes() for side in here.values() for path in side.tasks.rglob(".caches/*/*")}
    _, used, second = unbalanced(sides, rows, 2)
    shutil.rmtree(here["alice"].tasks / ".caches")
    _, sent, third = unbalanced(sides, rows, 3)
    assert made[0] == made[1]
    assert made == used == sent
    assert second < third <= first
    for path, content in sealed.items():
        if path.is_relative_to(here["alice"].tasks):
            continue
        assert path.read_bytes() == content
        for spelled in (b"x00000000", b"privKey", b"psi_joined_key"):
            assert spelled not in content
    for side in here.values():
        assert modes_of(side) == {0o600, 0o700}
