"""The enclave, or a party's process, or all of them die at any moment; the task ends as if nothing had been:
the same model and predictions, nobody is asked twice, one receipt that tells of all enclaves.
"""

import functools

import pytest
from fakes.coming_back import go_on, run_to
from fakes.outcomes import completed
from fakes.shop import predict_job, train_job, world
from fakes.world import predict_task, train_task

from confide.algorithms import model_file
from confide.core.digest import digest_of
from confide.protocol.kinds import Kind
from confide.protocol.roles import Role
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
@pytest.mark.parametrize("at", range(0, 110, 5))
def test_after_any_delivery_the_task_goes_on_in_a_fresh_enclave(at, first):
    ran = two_rounds()
    for name in EVERYBODY:
        ran.join(name)
    while len(ran.passed) < at and ran.busy:
        ran.step()
    ran.kill_enclave()
    all_come(ran, first=first)
    completed(ran)
    assert results(ran) == undisturbed()


@pytest.mark.parametrize("killed", [None, *EVERYBODY])
@pytest.mark.parametrize("preferred", EVERYBODY)
def test_an_enclave_that_dies_with_its_last_words_leaves_nobody_without_the_receipt(preferred, killed):
    """Who holds it shows it to the next enclave, which hands it on: there is one, the same for all."""
    lacked = 0
    for words in range(3, 8):
        ran = world()
        for name in EVERYBODY:
            ran.join(name)
        while not ran.enclave.receipt_digest:
            ran.step()
        for _ in range(words):
            ran.prefer(preferred)
            ran.step()
        held = [name for name in EVERYBODY if ran.party(name).standing.receipt]
        lacked += len(held) == 1
        digest = ran.enclave.receipt_digest
        ran.kill_enclave()
        if killed:
            ran.kill_party(killed)
        all_come(ran, first="media" if preferred == "shop" else "shop")
        completed(ran)
        receipts = {digest_of(ran.party(name).standing.receipt.receipt) for name in EVERYBODY}
        assert receipts == {ran.enclave.receipt_digest}
        assert not held or receipts == {digest}
    assert lacked


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


def sent_blocks(ran, name):
    """Indices of blocks that a party has sent, in order, to whichever enclave."""
    return [message.index for who, message in ran.said if who == name and message.kind is Kind.DATA_BLOCK]


def listening(ran):
    """Keep what parties say, too."""
    ran.said, seal = [], ran._seal

    def keep(channel, message, payload):
        if channel._us is not Role.C:
            names = {Role.A: "shop", Role.B: "media"}
            ran.said.append((names[channel._us], message))
        return seal(channel, message, payload)

    ran._seal = keep
    return ran


def test_blocks_that_were_stored_are_not_sent_again(tmp_path):
    ran = listening(world(store=tmp_path))
    run_to(ran, "shop", State.WORKING)
    run_to(ran, "media", State.WORKING)
    sent = {name: sent_blocks(ran, name) for name in EVERYBODY}
    assert all(indices == [0, 1, 2] for indices in sent.values())
    ran.kill_enclave()
    all_come(ran)
    completed(ran)
    assert {name: sent_blocks(ran, name) for name in EVERYBODY} == sent
    assert not list(tmp_path.iterdir()), "what was stored is removed in the end"


def test_an_upload_goes_on_at_the_block_in_a_fresh_enclave(tmp_path):
    ran = listening(world(store=tmp_path))
    run_to(ran, "media", State.UPLOADING)
    while len(list(tmp_path.glob("*/media-*/[0-9]*"))) < 2:
        ran.step()
        ran.enclave._course.vault.missing("media")
    stored = {path.name for path in tmp_path.glob("*/media-*/[0-9]*")}
    before = len(sent_blocks(ran, "media"))
    ran.kill_enclave()
    all_come(ran)
    completed(ran)
    assert {str(index) for index in sent_blocks(ran, "media")[before:]} == {"0", "1", "2"} - stored


def test_without_a_folder_everything_is_sent_again():
    ran = listening(world())
    run_to(ran, "shop", State.WORKING)
    ran.kill_enclave()
    all_come(ran)
    completed(ran)
    assert sent_blocks(ran, "shop") == [0, 1, 2, 0, 1, 2]
