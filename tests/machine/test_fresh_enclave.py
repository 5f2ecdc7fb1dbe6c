"""The enclave, or a party's process, or all of them die at any moment; the task ends as if nothing had been:
the same model and predictions, nobody is asked twice, one receipt that tells of all enclaves.
"""

import functools

import pytest
from fakes.coming_back import go_on
from fakes.outcomes import completed
from fakes.shop import predict_job, train_job, world
from fakes.world import predict_task, train_task

from confide.algorithms import model_file

EVERYBODY = ("shop", "media")


def two_rounds():
    return world(train_job(), predict_job(predict_task(train_task())))


@functools.cache
def deliveries():
    """How many envelopes an undisturbed run delivers."""
    ran = two_rounds()
    ran.run()
    completed(ran)
    return len(ran.passed)


@functools.cache
def undisturbed():
    ran = two_rounds()
    ran.run()
    return results(ran)


def results(ran):
    """What the initiator keeps, apart from the agreement that a model file holds."""
    (_, _, _, model), (_, _, _, predictions) = ran.kept["shop"].results
    arrays = {name: array.tobytes() for name, array in model_file.read(model).arrays.items()}
    return arrays, predictions


def all_come(ran, *, first="shop"):
    for name in sorted(EVERYBODY, key=lambda name: name != first):
        ran.join(name)
    return go_on(ran)


@pytest.mark.parametrize("first", EVERYBODY)
@pytest.mark.parametrize("at", range(0, 110, 5))
def test_after_any_delivery_the_task_goes_on_in_a_fresh_enclave(at, first):
    ran = two_rounds()
    for name in EVERYBODY:
        ran.join(name)
    while len(ran.passed) < at and ran.busy:
        ran.step()
    if ran.enclave.closed or ran.party("shop").standing.receipt or ran.party("media").standing.receipt:
        return
    ran.kill_enclave()
    all_come(ran, first=first)
    completed(ran)
    assert results(ran) == undisturbed()


@pytest.mark.parametrize("party", EVERYBODY)
@pytest.mark.parametrize("at", range(1, 100, 7))
def test_after_any_delivery_a_party_s_process_may_die_and_go_on(at, party):
    ran = two_rounds()
    for name in EVERYBODY:
        ran.join(name)
    while len(ran.passed) < at and ran.busy:
        ran.step()
    if ran.enclave.closed or ran.party(party).standing.receipt:
        return
    ran.kill_party(party)
    ran.join(party)
    go_on(ran)
    completed(ran)
    assert results(ran) == undisturbed()


@pytest.mark.parametrize("at", range(1, 100, 9))
def test_everybody_dies_at_once(at):
    ran = two_rounds()
    for name in EVERYBODY:
        ran.join(name)
    while len(ran.passed) < at and ran.busy:
        ran.step()
    if ran.enclave.closed or any(ran.party(name).standing.receipt for name in EVERYBODY):
        return
    for name in EVERYBODY:
        ran.kill_party(name)
    ran.kill_enclave()
    all_come(ran)
    completed(ran)
    assert results(ran) == undisturbed()
