"""A party's journal: what is written comes back, for this identity and this task only."""

import pytest
from fakes.coming_back import run_to
from fakes.ports import SeededRandomness
from fakes.shop import world
from fakes.world import TASK_ID, train_task

from confide.app.resuming import JOURNAL, Origin, TaskJournal
from confide.core import canonical
from confide.core.errors import JournalInvalid
from confide.crypto.journal_key import JournalKey
from confide.crypto.keys import KeyKind, PrivateKey
from confide.party import written
from confide.protocol import messages as m
from confide.protocol.table import State

ORIGIN = Origin(kind="train", files=("task.toml",))
KEY = PrivateKey.generate(KeyKind.P_384)


def journal(path, *, key=KEY, task=TASK_ID, origin=ORIGIN):
    return TaskJournal(path, JournalKey(key, task), SeededRandomness("journal"), origin)


@pytest.fixture
def standing():
    return run_to(world(), "shop", State.UPLOADING).party("shop").standing


def step(book, standing):
    enclave = standing.block.enclave
    book.step(m.Confirm(task_digest="0" * 96, algorithm_digest="0" * 96), standing, enclave, 3)
    return enclave


def test_what_is_written_comes_back(tmp_path, standing):
    book = journal(tmp_path)
    assert not book.exists
    enclave = step(book, standing)
    again = journal(tmp_path, origin=Origin())
    assert again.exists
    found = again.read()
    assert (found.enclave, found.generation) == (enclave, 3)
    assert again.origin.files == ("task.toml",)
    back = written.standing_of(found, standing.dataset, b"")
    assert back == standing
    again.remove()
    again.remove()
    assert not again.exists


def test_the_file_is_private_and_holds_nothing_in_clear(tmp_path, standing):
    step(journal(tmp_path), standing)
    path = tmp_path / JOURNAL
    assert path.stat().st_mode & 0o777 == 0o600
    data = path.read_bytes()
    for secret in (standing.salt, standing.storage_key, b"click prediction", b"confide-train-block"):
        assert secret
        assert secret not in data


def test_words_that_change_nothing_are_not_written(tmp_path, standing):
    book = journal(tmp_path)
    book.step(m.Uploaded(), standing, standing.block.enclave, 0)
    assert not book.exists


@pytest.mark.parametrize(
    "other", [{"key": PrivateKey.generate(KeyKind.P_384)}, {"task": "f" * 32}], ids=["key", "task"]
)
def test_another_identity_or_task_opens_nothing(tmp_path, standing, other):
    step(journal(tmp_path), standing)
    with pytest.raises(JournalInvalid, match="not written by this identity"):
        journal(tmp_path, **other).read()


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"", lambda data: bytes(len(data))])
def test_a_damaged_journal_is_told(tmp_path, standing, damage):
    step(journal(tmp_path), standing)
    path = tmp_path / JOURNAL
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(JournalInvalid):
        journal(tmp_path).read()


def test_a_journal_that_others_may_read_is_refused(tmp_path, standing):
    step(journal(tmp_path), standing)
    (tmp_path / JOURNAL).chmod(0o644)
    with pytest.raises(JournalInvalid, match="journal"):
        journal(tmp_path).read()


def test_another_task_file_than_at_the_start_is_told(tmp_path, standing):
    step(journal(tmp_path), standing)
    found = journal(tmp_path).read()
    written.check_jobs_fit(found, [canonical.encode(train_task())])
    with pytest.raises(JournalInvalid, match="task file"):
        written.check_jobs_fit(found, [canonical.encode(train_task(purpose="another"))])
