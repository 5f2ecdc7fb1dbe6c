"""One suite for every adapter of `core.task_store.TaskStore`."""

import dataclasses
import sqlite3
import threading

import pytest

from confide.core.errors import ConfigurationError, NotFound
from confide.core.platform_api import EndRecord, TaskKind, TaskState, TaskStatus
from confide.core.task_store import ProcessMark, TaskRecord
from confide.storage import migrations
from confide.storage.memory import MemoryTaskStore
from confide.storage.sqlite import SqliteTaskStore, unfinished_in


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = MemoryTaskStore() if request.param == "memory" else SqliteTaskStore(tmp_path / "tasks.sqlite")
    yield store
    store.close()
    store.close()


def record(number=1, *, initiator="alice", providers=("bob",), token=""):
    status = TaskStatus(
        id=f"{number:032x}",
        name=f"task {number}",
        kind=TaskKind.TRAIN,
        state=TaskState.CREATED,
        initiator=initiator,
        providers=providers,
        created_at=1_700_000_000 + number,
    )
    return TaskRecord(status=status, token=token)


def full(number=1):
    """Every field set."""
    plain = record(number, providers=("bob", "carol"), token="t")
    end = EndRecord(
        task=plain.id,
        outcome="complete",
        exit_code=-9,
        ended_at=1_700_000_100,
        receipt_digest="ab" * 48,
        platform="platform",
        certificate="PEM",
        signature=b"\x00\xff",
    )
    status = dataclasses.replace(
        plain.status,
        state=TaskState.ENDED,
        enclave_address="127.0.0.1:5",
        phase="training é",
        waiting_for=("carol", "bob"),
        waiting_since=1_800_000_007,
        ended_at=end.ended_at,
        outcome=end.outcome,
        exit_code=end.exit_code,
    )
    return dataclasses.replace(plain, status=status, end=end, process=ProcessMark(pid=5, started=1 << 40))


@pytest.mark.parametrize("made", [record(), full()])
def test_what_is_added_is_what_is_got(store, made):
    assert store.add(made) == made
    assert store.get(made.id) == made


def test_unknown(store):
    with pytest.raises(NotFound):
        store.get("0" * 32)
    with pytest.raises(NotFound):
        store.update("0" * 32, lambda r: r)
    assert store.find("alice", "t") is None


def test_an_id_is_added_once(store):
    store.add(record())
    with pytest.raises(ValueError, match="exists"):
        store.add(record())


def test_a_token_stands_for_one_task_of_its_initiator(store):
    first = store.add(record(1, token="t"))
    assert store.add(record(2, token="t")) == first
    assert store.find("alice", "t") == first
    other = record(3, initiator="bob", providers=("alice",), token="t")
    assert store.add(other) == other
    assert store.find("bob", "t") == other


def test_no_token_never_repeats(store):
    store.add(record(1))
    assert store.add(record(2)).id == record(2).id
    assert store.find("alice", "") is None


def test_update_replaces_all_that_may_change(store):
    store.add(record(token="t", providers=("bob", "carol")))
    assert store.update(full().id, lambda _: full()) == full()
    assert store.get(full().id) == full()


def test_an_update_that_raises_changes_nothing(store):
    store.add(record())

    def fail(_record):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.update(record().id, fail)
    assert store.get(record().id) == record()
    store.add(record(2))


def test_updates_never_overlap(store):
    store.add(record())

    def count(current):
        return dataclasses.replace(
            current, status=dataclasses.replace(current.status, phase=str(int(current.status.phase or 0) + 1))
        )

    threads = [
        threading.Thread(target=lambda: [store.update(record().id, count) for _ in range(10)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get(record().id).status.phase == "40"


def test_of_participant_newest_first(store):
    for number in range(1, 6):
        store.add(record(number, providers=("bob",) if number % 2 else ("carol",)))
    assert [r.id for r in store.of_participant("bob", most=2)] == [record(5).id, record(3).id]
    assert len(store.of_participant("alice", most=100)) == 5
    assert store.of_participant("mallory", most=100) == ()


def test_what_has_not_ended_comes_first(store):
    """However many newer ones have ended: a provider that restarts finds its task."""
    for number in range(1, 8):
        store.add(record(number))
    for number in (2, 4, 5, 6, 7):
        store.update(
            record(number).id, lambda old, number=number: dataclasses.replace(old, status=full(number).status)
        )
    listed = [r.id for r in store.of_participant("bob", most=4)]
    assert listed == [record(number).id for number in (3, 1, 7, 6)]
    assert [r.id for r in store.of_participant("bob", most=1)] == listed[:1]


def test_unfinished_oldest_first(store):
    for number in (1, 2, 3):
        store.add(record(number))
    store.update(record(2).id, lambda r: dataclasses.replace(r, status=full(2).status))
    assert [r.id for r in store.unfinished()] == [record(1).id, record(3).id]


def test_sqlite_survives_its_process(tmp_path):
    path = tmp_path / "tasks.sqlite"
    first = SqliteTaskStore(path)
    first.add(full())
    first.close()
    second = SqliteTaskStore(path)
    assert second.get(full().id) == full()
    second.close()
    assert path.stat().st_mode & 0o077 == 0


def test_sqlite_is_for_one_host(tmp_path):
    first = SqliteTaskStore(tmp_path / "tasks.sqlite")
    with pytest.raises(ConfigurationError, match="another platform"):
        SqliteTaskStore(tmp_path / "tasks.sqlite")
    first.close()
    SqliteTaskStore(tmp_path / "tasks.sqlite").close()


def test_sqlite_does_not_grow_with_what_is_told_of_a_task(tmp_path):
    """Its log of writes filled a small disk, by status lines alone."""
    store = SqliteTaskStore(tmp_path / "tasks.sqlite")
    store.add(record(1))
    for number in range(200):
        phase = f"phase {number}"
        store.update(
            record(1).id,
            lambda r, phase=phase: dataclasses.replace(r, status=dataclasses.replace(r.status, phase=phase)),
        )
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 512 * 1024
    store.close()


def test_what_has_not_ended_can_be_read_beside_the_host(tmp_path):
    path = tmp_path / "tasks.sqlite"
    store = SqliteTaskStore(path)
    for number in (1, 2):
        store.add(record(number))
    store.update(record(2).id, lambda r: dataclasses.replace(r, status=full(2).status))
    assert unfinished_in(path) == store.unfinished() == (store.get(record(1).id),)
    store.close()
    for other in (tmp_path / "none.sqlite", tmp_path):
        with pytest.raises(ConfigurationError, match="task database"):
            unfinished_in(other)
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    with pytest.raises(ConfigurationError, match="schema 0"):
        unfinished_in(empty)


def test_sqlite_refuses_other_files(tmp_path):
    path = tmp_path / "tasks.sqlite"
    path.write_text("this is no database, and long enough to be seen as none" * 50)
    with pytest.raises(ConfigurationError, match="task database"):
        SqliteTaskStore(path)
    with pytest.raises(ConfigurationError):
        SqliteTaskStore(tmp_path / "missing" / "tasks.sqlite")


def test_sqlite_refuses_a_newer_schema(tmp_path):
    path = tmp_path / "tasks.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(migrations.scripts()) + 1}")
    connection.close()
    with pytest.raises(ConfigurationError, match="newer"):
        SqliteTaskStore(path)


def test_how_many_an_initiator_has_created_since(store):
    for number in range(1, 6):
        store.add(record(number))
    store.add(record(6, initiator="carol"))
    store.update(record(2).id, lambda old: dataclasses.replace(old, status=full(2).status))
    start = 1_700_000_000
    counted = [store.created_since("alice", start + after) for after in (0, 2, 5, 6)]
    assert counted == [5, 4, 1, 0]
    assert store.created_since("carol", 0) == 1
    assert store.created_since("bob", 0) == 0
