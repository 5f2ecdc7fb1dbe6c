"""Threat: a party shows a fresh enclave an agreement that all have signed once, but not the one that the task
stands at: of another task, of a round that is over, or one that another has replaced since; to have data
used twice, or under conditions that hold no more.

Measure: a block names its task; a round whose end the initiator shows is over; of two blocks that contradict
each other none is taken; and a party signs the renewal of that block alone which it signed last.
"""

from fakes.coming_back import go_on, run_to
from fakes.mischief import twist
from fakes.shop import predict_job, train_job, world
from fakes.world import predict_task, train_task
from msgspec.structs import replace

from confide.core.errors import RemoteProtocolError, TakeoverRefused
from confide.protocol import messages as m
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind
from confide.protocol.table import State


def rounds():
    return world(train_job(), predict_job(predict_task(train_task())))


def go_to_the_next(ran, first="shop"):
    ran.kill_enclave()
    for name in sorted(("shop", "media"), key=lambda name: name != first):
        ran.join(name)
    return go_on(ran)


def test_the_same_parties_agreement_of_another_task(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("fakes.world.TASK_ID", "f" * 32)
        other = world()
        other.run()
    ran = run_to(world(), "media", State.UPLOADING)
    block = other.kept["media"].agreements[0]
    ran.party("shop").standing.agreed = None
    twist(ran, "media").changes[Kind.PAST] = lambda spoken: [Spoken(replace(spoken.message, signed=block))]
    go_to_the_next(ran)
    assert type(ran.errors["enclave"]) is TakeoverRefused
    assert ran.errors["enclave"].blame == "media"


def test_a_round_that_is_over_is_not_worked_again():
    ran = rounds()
    run_to(ran, "shop", State.DONE)
    run_to(ran, "shop", State.UPLOADING)
    training = ran.kept["media"].agreements[0]
    twist(ran, "media").changes[Kind.PAST] = lambda spoken: [
        Spoken(m.Past(signed=training)),
        Spoken(spoken.message),
    ]
    go_to_the_next(ran, first="media")
    assert ran.errors == {}
    assert [statement.kind for statement, *_ in ran.kept["shop"].results] == ["model", "predictions"]


def test_two_agreements_that_contradict_each_other():
    ran = rounds()
    run_to(ran, "shop", State.DONE)
    run_to(ran, "shop", State.UPLOADING)
    training = ran.kept["shop"].agreements[0]
    prediction = ran.kept["media"].agreements[-1]
    ran.party("shop").standing.finished.clear()
    ran.party("shop").standing.agreed = training
    twist(ran, "media").changes[Kind.PAST] = lambda _: [Spoken(m.Past(signed=prediction))]
    go_to_the_next(ran, first="media")
    assert type(ran.errors["enclave"]) in {TakeoverRefused, RemoteProtocolError}
    assert all(not kept.receipts for kept in ran.kept.values())


def test_an_initiator_that_shows_a_finished_round_as_unfinished_gets_the_same_again():
    """It costs time: the same model under the same agreement, and nothing else of the data."""
    ran = world()
    run_to(ran, "shop", State.DONE)
    standing = ran.party("shop").standing
    standing.finished.clear()
    standing.reports.clear()
    go_to_the_next(ran)
    assert ran.errors == {}
    first, second = ran.kept["shop"].results
    assert first[0].bytes - second[0].bytes < 0, "the model file names the agreement, which is longer now"
    assert len(ran.kept["media"].receipts[0].receipt.rounds) == 1


def test_the_same_agreement_is_shown_once():
    ran = run_to(world(), "media", State.UPLOADING)
    twist(ran, "media").changes[Kind.PAST] = lambda spoken: [Spoken(spoken.message)] * 2
    go_to_the_next(ran, first="media")
    assert type(ran.errors["enclave"]) is TakeoverRefused
    assert ran.errors["enclave"].blame == "media"
