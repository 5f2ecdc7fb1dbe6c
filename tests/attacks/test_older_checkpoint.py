"""Threat: the host brings back an older state of a training than the newest that there was, or that of
another task, or none; to have work repeated unnoticed, or a model made of another course than was seen.

Measure: every party is told number and digest of each state, and names the newest that it knows of when it
opens its commitment to a fresh enclave. That starts from the highest of them, and from nothing else; or the
training begins again, and every party is told so (CFD-523 in its audit log). States are sealed under the keys
of all parties, bound to task, agreement and number.
"""

import shutil

import pytest
from fakes.coming_back import go_on, run_to
from fakes.mischief import flipped
from fakes.outcomes import completed, heard
from fakes.shop import train_job, world
from fakes.world import PARAMETERS

from confide.algorithms import model_file
from confide.crypto.checkpoint_key import CheckpointKey
from confide.protocol.kinds import Kind
from confide.protocol.messages import CHECKPOINT_REFUSED
from confide.protocol.table import State

EPOCHS = 6
EVERYBODY = ("shop", "media")


def long_job():
    return train_job(parameters=PARAMETERS | {"epochs": EPOCHS}, baselines=())


def trained_to(ran, number):
    """Until both parties were told of that state."""
    works = ran._enclave_works
    # As with a minute between two states: what is told arrives before the next one.
    ran._enclave_works = lambda: None if ran.wire else works()
    run_to(ran, "shop", State.WORKING)
    run_to(ran, "media", State.WORKING)
    while any((known(ran, name) or 0) < number for name in EVERYBODY):
        assert ran.busy
        ran.step()
    return ran


def known(ran, name):
    checkpoint = ran.party(name).standing.checkpoint
    return checkpoint and checkpoint.number


def finish(ran):
    ran.kill_enclave()
    for name in EVERYBODY:
        ran.join(name)
    go_on(ran)
    completed(ran)
    return arrays(ran)


def arrays(ran):
    (*_, data) = ran.kept["shop"].results[0]
    return {name: array.tobytes() for name, array in model_file.read(data).arrays.items()}


@pytest.fixture(scope="module")
def undisturbed():
    ran = world(long_job())
    ran.run()
    return arrays(ran)


def stages(ran, name):
    return [progress.stage for progress in heard(ran, name, Kind.PROGRESS)]


def files(path):
    return {int(found.name.rpartition("-")[2]): found for found in path.glob("*/checkpoint-*")}


def test_a_training_goes_on_from_the_newest_state(tmp_path, undisturbed):
    ran = trained_to(world(long_job(), store=tmp_path), 3)
    before = ran.enclave._course.under_way.checkpoints.newest.number
    assert finish(ran) == undisturbed
    assert not any(CHECKPOINT_REFUSED in stages(ran, name) for name in EVERYBODY)
    assert known(ran, "shop") == EPOCHS - 1, "only the epochs that were left were learned"
    assert before >= 3
    assert len(ran.kept["shop"].results[0][2].curve) == EPOCHS


def older(found, _):
    newest = max(found)
    shutil.copy(found[newest - 1], found[newest])


def withheld(found, _):
    found[max(found)].unlink()


def altered(found, _):
    path = found[max(found)]
    path.write_bytes(flipped(path.read_bytes()))


def of_another_task(found, others):
    shutil.copy(others[max(others)], found[max(found)])


@pytest.mark.parametrize("meddle", [older, withheld, altered, of_another_task], ids=lambda f: f.__name__)
def test_an_older_state_is_refused_and_all_are_told(tmp_path, meddle, undisturbed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("fakes.world.TASK_ID", "f" * 32)
        trained_to(world(long_job(), store=tmp_path / "other"), 3)
    ran = trained_to(world(long_job(), store=tmp_path / "ours"), 3)
    meddle(files(tmp_path / "ours"), files(tmp_path / "other"))
    assert finish(ran) == undisturbed
    assert all(CHECKPOINT_REFUSED in stages(ran, name) for name in EVERYBODY)


@pytest.mark.parametrize("knows", EVERYBODY)
def test_one_party_that_knows_of_a_newer_state_is_enough(tmp_path, undisturbed, knows):
    """The other has missed the last reports, or says so to have an older state taken."""
    ran = trained_to(world(long_job(), store=tmp_path), 3)
    (other,) = set(EVERYBODY) - {knows}
    found = files(tmp_path)
    ran.party(other).standing.checkpoint = None
    found[known(ran, knows)].unlink()
    assert finish(ran) == undisturbed
    assert CHECKPOINT_REFUSED in stages(ran, knows)


def test_a_state_opens_for_its_number_agreement_task_and_all_its_parties_only():
    keys, bound = [b"a" * 32, b"b" * 32], {"task": "t", "agreement": "c"}
    key = CheckpointKey(keys, **bound)
    sealed = key.seal(1, b"state", Fixed())
    assert key.open(1, sealed) == b"state"
    assert key.open(2, sealed) is None
    assert CheckpointKey([keys[0], keys[0]], **bound).open(1, sealed) is None
    for name in bound:
        assert CheckpointKey(keys, **(bound | {name: "other"})).open(1, sealed) is None


class Fixed:
    def bytes(self, count):
        return bytes(count)
