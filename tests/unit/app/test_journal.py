"""What a task's folder tells the audit log; nothing is said that can't be logged."""

import pytest
from fakes.logbook import TASK
from fakes.ports import FakeClock
from fakes.world import train_task

from confide.app.journal import AuditedFolder
from confide.audit.chain import read_chain
from confide.audit.log import AuditLog
from confide.audit.recorder import Recorder
from confide.core.errors import AuditUnavailable, ConfideError
from confide.enclave.learning.trainer import AS_THEY_COME
from confide.party.ports import Yes
from confide.protocol import messages as m

COMMITMENT = "ab" * 48


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path / "audit.jsonl", "urn:confide:party:media", FakeClock(), actor="media")


@pytest.fixture
def folder(tmp_path, log):
    return AuditedFolder(tmp_path / "task", FakeClock(), Recorder(log, TASK))


@pytest.fixture
def told(log):
    def tell():
        chain = read_chain(log.path)
        chain.require_whole()
        return [(e.actor, str(e.operation), e.outcome) for e in chain.entries[1:]]

    return tell


def opening():
    return m.Opening(salt=bytes(32), storage_key=bytes(32))


def test_nothing_is_sent_that_can_not_be_logged(folder, log):
    log.latest()
    log.path.chmod(0o644)
    with pytest.raises(AuditUnavailable):
        folder.note("said", opening(), "uploading")


def test_an_upload_has_the_counts_of_its_dataset(folder, log, datasets, finished):
    offer = m.Offer(task=train_task(), algorithm=finished.kept["shop"].agreements[0].block.algorithm)
    dataset = datasets["media"]
    consent = finished.kept["shop"].agreements[0].block.consents["media"]
    decide = folder.deciding(lambda _offer, _measurement: Yes(consent, dataset))
    folder.note("heard", offer, "deciding")
    assert decide(offer, "00").dataset is dataset
    folder.note("said", m.Accept(task_digest=COMMITMENT, consent=consent), "accepted")
    folder.note("said", m.Commit(commitment=COMMITMENT), "committed")
    folder.note("said", opening(), "uploading")
    last = read_chain(log.path).entries[-1]
    assert (last.object.digest, last.object.rows) == (COMMITMENT, dataset.manifest.rows)
    assert last.object.bytes == sum(block.bytes for block in dataset.manifest.blocks)


def test_stages_of_the_work(folder, told):
    for stage in ("join", "join", "train", "baseline", "train"):
        folder.note("heard", m.Progress(stage=stage, done=0, total=1), "working")
    folder.note("heard", m.Finished(block_digest=COMMITMENT), "done")
    enclave = "enclave as told to media"
    assert told() == [
        (enclave, "join", None),
        (enclave, "join", "done"),
        (enclave, "train", None),
        (enclave, "train", "done"),
    ]


def test_learning_from_blocks_as_they_come_is_logged_when_it_begins(folder, told):
    folder.note("heard", m.Progress(stage=f"train, {AS_THEY_COME}", done=1, total=3), "working")
    assert told() == [("enclave as told to media", "train", None)]
    folder.note("heard", m.Progress(stage="train", done=1, total=9), "working")
    assert len(told()) == 1


def test_an_error_ends_everything_that_is_under_way(folder, told):
    folder.note("said", opening(), "uploading")
    folder.note("heard", m.Progress(stage="join", done=0, total=1), "working")
    folder.failed(ConfideError("what has happened"))
    assert told()[2:] == [
        ("media", "upload", "CFD-000"),
        ("enclave as told to media", "join", "CFD-000"),
    ]


def test_refusals_have_outcomes_of_their_own(folder, told, finished):
    block = finished.kept["shop"].agreements[0].block
    folder.note("said", m.Proposal(task=block.task, algorithm=block.algorithm), "judging")
    folder.note("heard", m.Refusal(code="CFD-110", reason="no", algorithms=()), "choosing")
    folder.note("heard", m.Offer(task=block.task, algorithm=block.algorithm), "deciding")
    folder.note("said", m.Decline(reason="no"), "declined")
    assert [outcome for _, _, outcome in told()] == [None, "CFD-110", None, "refused"]


def test_a_receipt_tells_what_was_released_and_that_all_is_wiped(folder, log, finished):
    signed = finished.kept["shop"].receipts[0]
    folder.receipt(signed)
    released = [e for e in read_chain(log.path).entries if e.operation == "release"]
    assert [(e.agreement, e.object.digest) for e in released] == [
        (done.block, done.result.sha384) for done in signed.receipt.rounds
    ]
    assert read_chain(log.path).entries[-1].operation == "destroy"
    assert read_chain(log.path).entries[-1].outcome is None
