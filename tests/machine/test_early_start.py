"""A training in an agreed order begins with the first blocks, and ends as one that waited for the last."""

import dataclasses
import functools
from contextlib import contextmanager
from unittest import mock

import pytest
from fakes.agreed import in_order, prepared
from fakes.coming_back import go_on
from fakes.outcomes import completed, heard
from fakes.shop import train_job, world
from fakes.spooling import run_out_of_core
from fakes.world import bring

from confide.algorithms import model_file
from confide.core import limits
from confide.enclave.coordination import rounds
from confide.enclave.learning.trainer import AS_THEY_COME
from confide.enclave.storage.plan import choose
from confide.protocol.evaluation import Evaluation
from confide.protocol.kinds import Kind
from confide.protocol.table import State
from confide.protocol.terms import Encoding, Intersection, Release, Released

ROWS = 192
BLOCK = 32
PARAMETERS = {"epochs": 2, "embedding_size": 2, "attention_size": 2, "batch_size": 16}
HASHED = Encoding(vocabulary="hashed", bits=5)


@pytest.fixture(autouse=True)
def short_turns():
    with mock.patch.object(limits, "TURN_ROWS", 16):
        yield


@functools.cache
def everybody():
    return prepared(ROWS)


@functools.cache
def data(block_rows=BLOCK):
    return in_order(everybody(), ROWS, block_rows)


def training(
    block_rows=BLOCK, *, algorithm="afm", parameters=PARAMETERS, brought=None, store=None, **changes
):
    held = data(block_rows)
    wanted = {"alignment": Intersection(block_rows=block_rows), "encoding": HASHED} | changes
    job = train_job(held["shop"], parameters, **wanted)
    job = dataclasses.replace(job, algorithm=algorithm, model=brought)
    return world(job, offered={"media": held["media"]}, store=store)


@contextmanager
def all_at_once():
    """Work begins when the last block has come, as where the memory does not allow another way."""

    def chosen(*given, **named):
        return dataclasses.replace(choose(*given, **named), starts_early=False)

    with mock.patch.object(rounds, "choose", chosen):
        yield


def found(ran):
    """(learned numbers, metrics, curve, rows of the receipt, held-out predictions)."""
    completed(ran)
    statement, _, report, whole = ran.kept["shop"].results[0]
    arrays = model_file.read(whole[: statement.bytes]).arrays
    numbers = {name: array.tobytes() for name, array in arrays.items()}
    rows = ran.kept["media"].receipts[0].receipt.rounds[0].rows
    return numbers, report.metrics, report.curve, rows, whole[statement.bytes :]


def waited(*given, **named):
    with all_at_once():
        ran = training(*given, **named)
        ran.run()
    assert not early(ran)
    return found(ran)


def early(ran):
    """The stages of a work that began before all blocks had come."""
    return [said for said in heard(ran, "shop", Kind.PROGRESS) if said.stage.endswith(AS_THEY_COME)]


def learned(ran):
    """How many blocks the enclave has learned from; the host is told in tenths."""
    step = ran.enclave._rounds._so_far
    return 0 if step is None else step.done


def on_its_way(ran, name):
    """Run until this party has said all its blocks, and that these are all; they are still on the wire."""
    for party in (ran.initiator, *ran.providers):
        ran.join(party)
    while True:
        sent = [entry for entry in ran.wire if entry[0] == name]
        if sent and ran.enclave_ends[name].session.state is State.UPLOADING:
            return sent
        ran.step()


def begun(ran, *, without):
    """Deliver everything but the last of this party's blocks, and what it says after it."""
    kept = on_its_way(ran, without)[-2:]
    for entry in kept:
        ran.wire.remove(entry)
    go_on(ran)
    return kept


@pytest.mark.parametrize("first", ["shop", "media"])
def test_the_model_is_the_same_to_the_bit_whoever_is_first(first):
    ran = training()
    ran.run(lambda ran: ran.prefer(first))
    assert found(ran) == waited()


EVERYTHING = {
    "baselines": ("initiator", "providers"),
    "evaluation": Evaluation(validation=0.2, cross_validation=2, resamples=20),
    "releases": tuple(
        Release(what=what, to="shop")
        for what in (Released.MODEL, Released.METRICS, Released.LIFT, Released.HELD_OUT)
    ),
}


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["plain", "with everything"])
@pytest.mark.parametrize("algorithm", ["afm", "fm", "linear"])
def test_every_fast_algorithm_begins_early_and_ends_alike(algorithm, changes):
    parameters = {"epochs": 3, "batch_size": 16, "patience": 1, "seed": 3}
    ran = training(algorithm=algorithm, parameters=parameters, **changes)
    ran.run()
    assert early(ran) or learned(ran) == 0
    assert found(ran) == waited(algorithm=algorithm, parameters=parameters, **changes)


def test_out_of_core_the_model_is_the_same_to_the_bit(tmp_path):
    ran = training(baselines=())
    run_out_of_core(ran, tmp_path, 40)
    assert list(tmp_path.iterdir()) == []
    assert found(ran) == waited(baselines=())


@pytest.mark.parametrize("late", ["shop", "media"])
def test_blocks_are_learned_while_others_are_still_to_come(late):
    ran = training()
    kept = begun(ran, without=late)
    other = "media" if late == "shop" else "shop"
    blocks = ROWS // BLOCK
    assert learned(ran) == blocks - 1
    assert not ran.enclave.working
    assert ran.enclave.waiting.keys() == {late}
    assert ran.enclave.phase.endswith(f" while {blocks - 1} of {blocks} blocks are learned")
    told = [said for said in heard(ran, other, Kind.PROGRESS) if said.stage.endswith(AS_THEY_COME)]
    assert (told[-1].done, told[-1].total) == (blocks - 1, blocks)
    ran.wire.extend(kept)
    go_on(ran)
    assert found(ran) == waited()


@pytest.mark.parametrize("lost", ["shop", "media"])
@pytest.mark.parametrize("left", [2, 4, 6])
def test_a_party_that_drops_out_meanwhile_comes_back_and_sends_the_rest(lost, left):
    ran = training()
    on_its_way(ran, lost)
    while len([entry for entry in ran.wire if entry[0] == lost]) > left:
        ran.step()
    before = ran.enclave._course.vault.missing(lost)
    ran.lose(lost)
    go_on(ran)
    assert learned(ran) <= ROWS // BLOCK - len(before)
    ran.join(lost)
    go_on(ran)
    assert found(ran) == waited()
    assert heard(ran, lost, Kind.WANTED)[-1].blocks


@pytest.mark.parametrize("at", [26, 30, 34, 38, 42, 46])
def test_a_fresh_enclave_begins_with_what_was_stored(tmp_path, at):
    ran = training(store=tmp_path)
    ran.join("shop"), ran.join("media")
    while len(ran.passed) < at:
        ran.step()
    ran.kill_enclave()
    ran.join("shop"), ran.join("media")
    go_on(ran)
    assert found(ran) == waited()


def test_one_that_starts_from_a_model_waits_for_that_alone():
    first = training()
    first.run()
    ran = training(brought=bring(first))
    ran.run()
    with all_at_once():
        later = training(brought=bring(first))
        later.run()
    assert found(ran) == found(later)
    assert found(ran)[0] != found(first)[0]


def test_consent_that_expires_during_the_upload_ends_the_task():
    ran = training()
    kept = begun(ran, without="media")
    ran.clock.time += 4_000
    ran.wire.extend(kept)
    go_on(ran)
    assert {error.code for error in ran.errors.values()} == {"CFD-112"}
    assert not ran.kept["shop"].results
