"""What holds when a party comes back: asked once, sent once, agreed once; and when that is too late."""

import pytest
from fakes.coming_back import come_back, go_on, run_to
from fakes.mischief import flipped, twist
from fakes.outcomes import completed, ended, heard
from fakes.shop import predict_job, train_job, world
from fakes.world import bring, predict_task, train_task

from confide.core import limits
from confide.core.errors import (
    BlockDigestMismatch,
    PartyLost,
)
from confide.core.platform_api import TaskKind
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind
from confide.protocol.roles import Role
from confide.protocol.table import State

BOTH = pytest.mark.parametrize("party", ["shop", "media"])
TWO = ("media", "maps")


def said(ran, kind, *, by=None):
    return sum(count for (on, _, word), count in ran.walked.items() if word is kind and by in {None, on})


# --- negotiation -----------------------------------------------------------------------------------------


def test_a_provider_is_asked_once_and_its_consent_counts_once():
    asked = []

    def decide(name, offer, measurement):
        asked.append(name)
        return consent(name, offer, measurement)

    ran = world(train_job(), *(predict_job(predict_task(train_task())) for _ in range(2)))
    consent, ran._decide = ran._consent, None
    script = ran.scripts["media"]
    script._decide = lambda offer, measured: (
        asked.append(offer.task.name),
        consent("media", offer, measured),
    )[1]
    for _ in range(3):
        come_back(run_to(ran, "media", State.ACCEPTED), "media")
    go_on(ran)
    completed(ran)
    assert asked == ["clicks", "score", "score"]
    assert said(ran, Kind.OFFER) == 6
    assert len(ran.kept["shop"].results) == 3


@pytest.mark.parametrize("state", [State.COMMITTED, State.SIGNING, State.SIGNED])
def test_who_was_told_of_the_initiators_old_commitment_is_told_of_the_new_one(state):
    ran = world(train_job(providers=TWO))
    run_to(ran, "media", state)
    go_on(come_back(ran, "shop"))
    completed_by(ran, TWO)
    notices = heard(ran, "media", Kind.NOTICE)
    assert len(notices) == 2
    commitments = ran.kept["media"].agreements[0].block.commitments
    assert commitments["shop"] == notices[1].commitment != notices[0].commitment


def completed_by(ran, providers):
    assert ran.errors == {}
    assert ran.enclave.closed
    assert all(len(ran.kept[name].receipts) == 1 for name in ("shop", *providers))


@pytest.mark.parametrize("state", [State.SIGNING, State.SIGNED])
def test_a_new_block_goes_to_those_who_have_signed_the_old_one(state):
    ran = world(train_job(providers=TWO))
    run_to(ran, "shop", state)
    go_on(come_back(ran, "maps"))
    completed_by(ran, TWO)
    first, second = (message.block for message in heard(ran, "shop", Kind.BLOCK))
    assert first.commitments["maps"] != second.commitments["maps"]
    assert {
        agreed.block.commitments["maps"] for name in ("shop", *TWO) for agreed in ran.kept[name].agreements
    } == {second.commitments["maps"]}


# --- nothing twice ---------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("arrived", [0, 1, 2, 3])
def test_blocks_that_have_come_are_not_sent_again(party, arrived):
    ran = run_to(world(), party, State.UPLOADING)
    vault = ran.enclave._course.vault
    while 3 - len(vault.missing(party)) < arrived:
        ran.step()
    come_back(ran, party)
    go_on(ran)
    completed(ran)
    again = heard(ran, party, Kind.WANTED)[-1]
    assert [last - first + 1 for first, last in again.blocks] == ([3 - arrived] if arrived < 3 else [])
    assert again.attempts_left == limits.MAX_RETRIES


def test_a_model_that_is_brought_goes_on_at_its_byte(monkeypatch):
    first = world()
    go_on(run_to(first, "shop", State.CLOSED))
    brought = bring(first)
    size = len(brought.data)
    monkeypatch.setattr(limits, "RESULT_PART_BYTES", size // 4)
    ran = world(predict_job(predict_task(train_task()), brought), kind=TaskKind.PREDICT)
    run_to(ran, "shop", State.UPLOADING)
    ran.step()
    while not ran.enclave._course.rounds[0].model_parts:
        ran.step()
    go_on(come_back(ran, "shop"))
    completed(ran)
    assert [message.model_from for message in heard(ran, "shop", Kind.WANTED)] == [0, size // 4]


def test_a_result_goes_on_at_its_byte(monkeypatch):
    monkeypatch.setattr(limits, "RESULT_PART_BYTES", 1000)
    ran = run_to(world(), "shop", State.FETCHING)
    while not ran.party("shop").standing.download or len(ran.party("shop").standing.download.data) < 2000:
        ran.step()
    held = len(ran.party("shop").standing.download.data)
    fetched = []
    twist(ran, "shop").changes[Kind.FETCH] = lambda said: (fetched.append(said.message.offset), [said])[1]
    go_on(come_back(ran, "shop"))
    completed(ran)
    assert fetched == [held]
    assert len(ran.kept["shop"].results) == 1


def test_a_lost_acknowledgement_is_made_up_for_by_the_join():
    ran = run_to(world(train_job(), predict_job(predict_task(train_task()))), "shop", State.FETCHING)
    while not ran.kept["shop"].results:
        ran.step()
    assert ran.enclave._course.acknowledged == 0
    go_on(come_back(ran, "shop"))
    completed(ran)
    assert len(ran.kept["shop"].results) == 2


def test_a_provider_that_has_missed_the_end_of_a_round_is_told_of_it_first():
    ran = world(train_job(), predict_job(predict_task(train_task())))
    run_to(ran, "media", State.DONE)
    ran.lose("media")
    assert len(ran.party("media").standing.finished) == 0
    while ran.enclave_ends["shop"].session.state is not State.ASKING:
        ran.step()
    ran.join("media")
    go_on(ran)
    completed(ran)
    assert len(heard(ran, "media", Kind.FINISHED)) == 2
    assert said(ran, Kind.DATA_BLOCK, by=Role.B) == 6


def test_too_many_blocks_that_do_not_match_end_the_task_before_the_upload_is_over(monkeypatch):
    monkeypatch.setattr(limits, "MAX_BLOCK_MISMATCHES", 2)
    ran = world()
    twist(ran, "media").changes[Kind.DATA_BLOCK] = lambda spoken: [
        Spoken(spoken.message, spoken.payload[:-1])
    ]
    ran.run()
    ended(ran, BlockDigestMismatch, "media")
    assert "3 blocks of media" in str(ran.errors["shop"])
    assert len(heard(ran, "media", Kind.WANTED)) == 1


# --- waiting ---------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("state", [State.CONFIRMING, State.UPLOADING, State.COUNTERSIGNING])
def test_who_does_not_come_back_in_time_is_named(party, state):
    ran = run_to(world(), party, state)
    ran.lose(party)
    go_on(ran)
    since = ran.clock.time
    assert ran.enclave.waiting == {party: since}
    ran.clock.time += limits.IDLE_SECONDS - 1
    ran.tick()
    assert ran.errors == {}
    ran.clock.time += 1
    ran.tick()
    go_on(ran)
    other = "media" if party == "shop" else "shop"
    assert {who: type(error) for who, error in ran.errors.items()} == {"enclave": PartyLost, other: PartyLost}
    assert ran.errors["enclave"].blame == party


def test_while_providers_are_asked_the_initiator_is_waited_for():
    ran = world()
    twist(ran, "media").instead[Kind.OFFER] = lambda _: []
    run_to(ran, "media", State.DECIDING)
    go_on(ran)
    ran.lose("shop")
    ran.clock.time += limits.IDLE_SECONDS
    ran.tick()
    assert (type(ran.errors["enclave"]), ran.errors["enclave"].blame) == (PartyLost, "shop")


def test_who_was_away_accepts_a_receipt_that_was_drafted_meanwhile():
    ran = run_to(world(), "media", State.COUNTERSIGNING)
    ran.lose("media")
    go_on(ran)
    ran.clock.time += limits.IDLE_SECONDS - 1
    ran.join("media")
    go_on(ran)
    completed(ran)


def test_the_enclave_does_not_wait_long_for_the_last_word():
    ran = run_to(world(), "media", State.KEEPING)
    ran.lose("media")
    go_on(ran)
    assert not ran.enclave.closed
    ran.clock.time += limits.LAST_WORD_SECONDS
    assert ran.enclave.closed
    assert len(ran.kept["shop"].receipts) == 1


def test_a_poisoned_channel_is_taken_up_again():
    """One envelope altered on its way, on each channel: both come back, and all is well."""
    ran = world()
    for name in ("shop", "media"):
        ran.join(name)
        run_to(ran, name, State.COMMITTING)
        sender, to, envelope = ran.wire.popleft()
        ran.wire.appendleft((sender, to, flipped(envelope)))
        go_on(ran)
        (broken,) = ran.broken
        ran.join(broken)
    go_on(ran)
    completed(ran)
