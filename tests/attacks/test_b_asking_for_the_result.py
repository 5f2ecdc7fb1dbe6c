"""Threat: a provider tries to get what only the initiator may have: the model, the predictions, the metrics.

Measure: a provider's channel has no state in which a result is said; whatever it says that the table does not
hold ends the task; the enclave releases results to the initiator alone; nothing that is sent to a
provider holds a metric; and the initiator's channel opens with other keys.
"""

import pytest
from fakes.examples import EXAMPLES
from fakes.mischief import twist
from fakes.outcomes import completed, heard
from fakes.shop import predict_job, train_job, world
from fakes.world import predict_task, train_task

from confide.core import canonical
from confide.core.errors import ConfideError, LocalProtocolError, RemoteProtocolError, SealError
from confide.protocol import framing
from confide.protocol.kinds import Kind
from confide.protocol.roles import Role
from confide.protocol.table import TRANSITIONS, State

SECRET_KINDS = {Kind.RESULT, Kind.RESULT_PART, Kind.RESULT_END, Kind.MODEL_PART, Kind.LISTING}
MOMENTS = {
    State.DECIDING: Kind.OFFER,
    State.COMMITTING: Kind.NOTICE,
    State.SIGNING: Kind.BLOCK,
    State.CONFIRMING: Kind.START,
    State.UPLOADING: Kind.WANTED,
    State.DONE: Kind.FINISHED,
}
"""States, and what a provider has just heard there."""


def stopped_at(state):
    """A World in which media's channel has come to `state`, and media says nothing (more)."""
    ran = world()
    script = twist(ran, "media")
    script.instead[MOMENTS[state]] = lambda _: []
    if state is State.DONE:
        twist(ran, "shop").changes[Kind.CLOSE] = lambda _: []
    ran.run()
    assert ran.errors == {}
    assert ran.ends["media"].session.state is state
    return ran


def say_past_the_table(ran, kind):
    """A provider with software of its own: properly sealed, but not judged at its end."""
    end = ran.ends["media"]
    envelope = end._sealing.seal(framing.encode(EXAMPLES[kind]), end.session.epoch)
    ran.wire.appendleft(("media", "enclave", envelope))
    before = len(ran.passed)
    while ran.wire:
        ran.step()
    return [envelope for sender, to, envelope in ran.passed[before:] if (sender, to) == ("enclave", "media")]


@pytest.mark.parametrize("state", MOMENTS)
def test_a_provider_has_no_words_for_it(state):
    ran = stopped_at(state)
    for kind in (Kind.FETCH, Kind.ACKNOWLEDGE, Kind.PROPOSAL, Kind.CLOSE, *SECRET_KINDS):
        with pytest.raises(LocalProtocolError):
            ran.ends["media"].say(EXAMPLES[kind].message)


@pytest.mark.parametrize("state", MOMENTS)
@pytest.mark.parametrize("kind", Kind)
def test_whatever_a_provider_says_no_result_comes_back(state, kind):
    ran = stopped_at(state)
    legal = (Role.B, state, Role.B, kind) in TRANSITIONS
    script = twist(ran, "media")
    say_past_the_table(ran, kind)
    assert not {spoken.message.kind for spoken in script.heard} & SECRET_KINDS
    assert ran.kept["media"].results == []
    if not legal:
        assert type(ran.errors["enclave"]) is RemoteProtocolError
        assert ran.errors["enclave"].blame == "media"


def run_and_listen():
    """Training and prediction; all that media hears, with payloads, and all envelopes."""
    ran = world(train_job(), predict_job(predict_task(train_task())))
    script = twist(ran, "media")
    ran.run()
    completed(ran)
    return ran, script.heard


def test_nothing_that_a_provider_hears_holds_a_result():
    ran, everything = run_and_listen()
    results = [data for _, _, _, data in ran.kept["shop"].results]
    reports = [report for _, _, report, _ in ran.kept["shop"].results]
    assert len(results) == 2
    assert not {spoken.message.kind for spoken in everything} & SECRET_KINDS
    assert all(spoken.payload == b"" for spoken in everything)
    told = b"".join(canonical.encode(spoken.message) for spoken in everything)
    assert all(data[:64] not in told for data in results)
    for report in reports:
        assert canonical.encode(report.salt) not in told
    assert b"holdout" not in told.replace(b'"holdout":', b"")
    assert b'"auc"' not in told
    assert b"logloss" not in told


def test_a_providers_progress_has_no_metrics():
    ran, _ = run_and_listen()
    mine = heard(ran, "media", Kind.PROGRESS)
    theirs = heard(ran, "shop", Kind.PROGRESS)
    assert len(mine) == len(theirs) > 0
    assert all(progress.metrics == {} for progress in mine)
    assert any(progress.metrics for progress in theirs)


def test_a_providers_receipt_has_no_private_part():
    ran, _ = run_and_listen()
    (mine,), (theirs,) = ran.kept["media"].receipts, ran.kept["shop"].receipts
    assert mine.private == ()
    assert len(theirs.private) == 2
    assert canonical.encode(mine.receipt) == canonical.encode(theirs.receipt)


def test_the_initiators_envelopes_do_not_open_for_a_provider():
    """The host passes them on to the provider: other keys, whatever the epoch."""
    ran, _ = run_and_listen()
    stolen = [envelope for sender, to, envelope in ran.passed if to == "shop"]
    assert len(stolen) > 20
    for envelope in stolen[::4]:
        fresh = world()
        fresh.join("media")
        with pytest.raises(SealError):
            fresh.ends["media"]._opening.open(envelope, max_epoch=9)


def test_a_task_can_not_release_anything_to_a_provider():
    releases = tuple(type(release)(what=release.what, to="media") for release in train_task().releases)
    with pytest.raises(ValueError, match="initiator only"):
        train_task(releases=releases)


def test_metrics_that_are_not_released_do_not_reach_the_initiator_either():
    ran = world(train_job(releases=train_task().releases[:1]))
    ran.run()
    completed(ran)
    (_, _, report, model) = ran.kept["shop"].results[0]
    assert (report.metrics, report.curve) == ({}, ())
    assert all(progress.metrics == {} for progress in heard(ran, "shop", Kind.PROGRESS))
    assert b"logloss" not in model
    assert b"auc" not in model[:8000].split(b'"metrics"')[1][:40]


@pytest.mark.parametrize("kind", [Kind.RESULT, Kind.RESULT_PART, Kind.RESULT_END])
def test_an_enclave_that_wanted_to_could_not_say_it(kind):
    """The table is judged at both ends: the enclave's own channel to a provider refuses to seal a result."""
    ran = stopped_at(State.DONE)
    with pytest.raises(LocalProtocolError):
        ran.enclave_ends["media"].say(EXAMPLES[kind].message)
    forged = ran.enclave_ends["media"]._sealing.seal(
        framing.encode(EXAMPLES[kind]), ran.enclave_ends["media"].session.epoch
    )
    with pytest.raises(ConfideError):
        ran.ends["media"].hear(forged)
