"""Threat: the host reads, alters, swaps, or brings back from another party, task or time, the blocks that an
enclave has left on its disk for the next one.

Measure: each block is sealed under a key that its party gives to attested enclaves alone, bound to task,
party, commitment and index; what does not open, or is not what the manifest lists, has not come, and is asked
for again.
"""

import shutil

import pytest
from fakes.coming_back import go_on, run_to
from fakes.mischief import flipped
from fakes.outcomes import completed, heard
from fakes.shop import datasets, train_job, world

from confide.core import limits
from confide.crypto.storage_key import StorageKey
from confide.protocol.kinds import Kind
from confide.protocol.table import State


def folders(path):
    return {folder.name.partition("-")[0]: folder for folder in path.glob("*/*")}


def cut_off(ours, _):
    ours["media"].joinpath("1").write_bytes(ours["media"].joinpath("1").read_bytes()[:-1])


def alter(ours, _):
    ours["media"].joinpath("1").write_bytes(flipped(ours["media"].joinpath("1").read_bytes()))


def swap_indices(ours, _):
    shutil.copy(ours["media"] / "0", ours["media"] / "1")


def swap_parties(ours, _):
    shutil.copy(ours["shop"] / "1", ours["media"] / "1")


def from_another_run(ours, others):
    shutil.copy(others["media"] / "1", ours["media"] / "1")


def link_away(ours, _):
    ours["media"].joinpath("1").unlink()
    ours["media"].joinpath("1").symlink_to("/dev/zero")


def too_long(ours, _):
    ours["media"].joinpath("1").write_bytes(bytes(limits.KIB))


MEDDLING = [cut_off, alter, swap_indices, swap_parties, from_another_run, link_away, too_long]


@pytest.mark.parametrize("meddle", MEDDLING, ids=lambda meddle: meddle.__name__)
def test_a_block_that_did_not_come_back_as_it_was_is_asked_for_again(tmp_path, meddle, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("fakes.world.TASK_ID", "f" * 32)
        other = run_to(world(train_job(), store=tmp_path / "other"), "media", State.WORKING)
        other.enclave._course.vault.shelf("media")
    ran = run_to(world(train_job(), store=tmp_path / "ours"), "media", State.WORKING)
    run_to(ran, "shop", State.WORKING)
    for name in ("shop", "media"):
        ran.enclave._course.vault.shelf(name)
    ran.kill_enclave()
    meddle(folders(tmp_path / "ours"), folders(tmp_path / "other"))
    for name in ("shop", "media"):
        ran.join(name)
    go_on(ran)
    completed(ran)
    assert [wanted.blocks for wanted in heard(ran, "media", Kind.WANTED)[1:]] == [((1, 1),)]
    assert [wanted.blocks for wanted in heard(ran, "shop", Kind.WANTED)[1:]] == [()]


def test_the_host_reads_nothing(tmp_path):
    ran = run_to(world(train_job(), store=tmp_path), "media", State.WORKING)
    ran.enclave._course.vault.shelf("media")
    found = {path.name: path.read_bytes() for path in folders(tmp_path)["media"].iterdir()}
    blocks = datasets()["media"].blocks
    assert {len(sealed) for sealed in found.values()} == {len(block) + 16 for block in blocks}
    assert not any(
        block[at : at + 16] in sealed for block in blocks for sealed in found.values() for at in (0, 64)
    )


def test_a_key_opens_nothing_of_another_task_party_commitment_or_index():
    bound = {"task": "t", "party": "p", "commitment": "c"}
    sealed = StorageKey(bytes(32), **bound).seal(0, b"block")
    assert StorageKey(bytes(32), **bound).open(0, sealed) == b"block"
    assert StorageKey(bytes(32), **bound).open(1, sealed) is None
    assert StorageKey(b"1" * 32, **bound).open(0, sealed) is None
    for name in bound:
        assert StorageKey(bytes(32), **(bound | {name: "other"})).open(0, sealed) is None
