"""The enclave dies in every state that a channel comes to; a fresh one takes its place, and the task ends as if
nothing had been: the same model and predictions, one consent, one agreement, one receipt that tells of both.
"""

import functools

import pytest
from fakes.coming_back import go_on, run_to
from fakes.outcomes import completed, heard
from fakes.shop import predict_job, train_job, world
from fakes.world import predict_task, train_task

from confide.algorithms import model_file
from confide.core.digest import sha384_hex
from confide.protocol.blocks import same_agreement
from confide.protocol.messages import Kind
from confide.protocol.table import State

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
@pytest.mark.parametrize("at", range(0, 110, 1))
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
