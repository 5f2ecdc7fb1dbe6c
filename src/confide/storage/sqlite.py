"""Tasks kept in an SQLite file: survives the host, write-ahead log, one connection behind a lock."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from confide.core import limits
from confide.core.errors import ConfigurationError, NoRoom, NotFound, PlatformFailed
from confide.core.platform_api import TaskState
from confide.core.task_store import TaskRecord
from confide.storage import migrations, rows
from confide.storage.lock import FileLock

_LOG_PAGES = 64
_UNDER_WAY = tuple(state.value for state in TaskState if state is not TaskState.ENDED)
_OWN_UNDER_WAY = (  # by the index of states: few, however many have ended
    "WHERE state IN (?, ?, ?) AND EXISTS (SELECT 1 FROM participants WHERE name = ? AND task = id)"
    " ORDER BY number DESC LIMIT ?"
)
_OWN_ENDED = (  # by the index of participants; the + keeps it from that of states
    "WHERE +state = ? AND id IN (SELECT task FROM participants WHERE name = ?) ORDER BY number DESC LIMIT ?"
)
_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})
"""A quota, or a limit on the size of files, shows as a failed write."""
_UNFINISHED = ("WHERE state <> ? ORDER BY number", (TaskState.ENDED.value,))


class SqliteTaskStore:
    """Implements `core.task_store.TaskStore`."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, closed to other users.

        Raises:
            ConfigurationError: it is no database of ours, of a newer schema, or in use by another host.
        """
        self._lock = threading.Lock()
        with ExitStack() as undo:
            try:
                # A second host would take the first one's tasks for orphans and end them.
                held = ConfigurationError(f"{path}: another platform is using this database")
                self._file_lock = FileLock(path.with_name(f"{path.name}.lock"), held)
                undo.callback(self._file_lock.release)
                path.touch(mode=0o600)
                self._connection = _connect(path)
                undo.callback(self._connection.close)
                _prepare(self._connection)
            except (OSError, sqlite3.Error) as cause:
                raise ConfigurationError(f"{path}: can't be used as the task database ({cause})") from None
            undo.pop_all()

    def add(self, record: TaskRecord) -> TaskRecord:
        with self._transaction():
            earlier = self._find(record.status.initiator, record.token)
            if earlier is not None:
                return earlier
            self._insert(record)
            return record

    def find(self, initiator: str, token: str) -> TaskRecord | None:
        with self._transaction():
            return self._find(initiator, token)

    def get(self, task: str) -> TaskRecord:
        with self._transaction():
            return self._get(task)

    def update(self, task: str, change: Callable[[TaskRecord], TaskRecord]) -> TaskRecord:
        with self._transaction():
            changed = change(self._get(task))
            values = rows.changing(changed)
            assignments = ", ".join(f"{column} = :{column}" for column in values)
            self._connection.execute(
                f"UPDATE tasks SET {assignments} WHERE id = :id",  # noqa: S608 - our own column names
                {**values, "id": task},
            )
            return changed

    def of_participant(self, name: str, *, most: int) -> tuple[TaskRecord, ...]:
        with self._transaction():
            under_way = self._select(_OWN_UNDER_WAY, (*_UNDER_WAY, name, most))
            over = self._select(_OWN_ENDED, (TaskState.ENDED.value, name, most - len(under_way)))
            return (*under_way, *over)

    def created_since(self, initiator: str, since: int) -> int:
        with self._transaction():
            (count,) = self._connection.execute(
                "SELECT COUNT(*) FROM tasks WHERE initiator = ? AND created_at >= ?", (initiator, since)
            ).fetchone()
            return int(count)

    def unfinished(self) -> tuple[TaskRecord, ...]:
        with self._transaction():
            return self._select(*_UNFINISHED)

    def close(self) -> None:
        with self._lock:
            self._connection.close()
            self._file_lock.release()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing. Raises NoRoom, PlatformFailed; the next one may succeed."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except sqlite3.Error as cause:
                text = f"the host's task database can't be used: {cause}"
                full = getattr(cause, "sqlite_errorcode", None) in _NO_ROOM
                raise (NoRoom if full else PlatformFailed)(text, blame="platform") from cause
            finally:
                if self._connection.in_transaction:  # some errors have undone it already
                    self._connection.execute("ROLLBACK")

    def _insert(self, record: TaskRecord) -> None:
        values = {**rows.fixed(record), **rows.changing(record)}
        places = ", ".join(f":{column}" for column in values)
        try:
            self._connection.execute(
                f"INSERT INTO tasks ({', '.join(values)}) VALUES ({places})",  # noqa: S608 - our own names
                values,
            )
        except sqlite3.IntegrityError:
            raise ValueError(f"task {record.id} exists") from None
        self._connection.executemany(
            "INSERT INTO participants (task, position, name) VALUES (?, ?, ?)",
            [(record.id, i, name) for i, name in enumerate(record.status.participants)],
        )

    def _get(self, task: str) -> TaskRecord:
        found = self._select("WHERE id = ?", (task,))
        if not found:
            raise NotFound(f"no task {task}")
        return found[0]

    def _find(self, initiator: str, token: str) -> TaskRecord | None:
        found = self._select("WHERE initiator = ? AND token = ?", (initiator, token)) if token else ()
        return found[0] if found else None

    def _select(self, where: str, values: tuple[str | int, ...]) -> tuple[TaskRecord, ...]:
        return _records(self._connection, where, values)


def unfinished_in(path: Path) -> tuple[TaskRecord, ...]:
    """Oldest first, read beside the host that uses the database. Raises ConfigurationError."""
    try:
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, timeout=limits.DATABASE_LOCK_SECONDS, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            migrations.check_current(connection)
            return _records(connection, *_UNFINISHED)
    except sqlite3.Error as cause:
        raise ConfigurationError(f"{path}: can't be read as the task database ({cause})") from None


def _records(
    connection: sqlite3.Connection, where: str, values: tuple[str | int, ...]
) -> tuple[TaskRecord, ...]:
    found = connection.execute(f"SELECT * FROM tasks {where}", values).fetchall()  # noqa: S608
    return tuple(rows.record_of(row, _participants(connection, row["id"])) for row in found)


def _participants(connection: sqlite3.Connection, task: str) -> list[str]:
    names = connection.execute("SELECT name FROM participants WHERE task = ? ORDER BY position", (task,))
    return [name for (name,) in names]


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=limits.DATABASE_LOCK_SECONDS, isolation_level=None, check_same_thread=False
    )


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    # The log of writes begins anew after so many pages: by default it would grow to 4 MiB first.
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    migrations.migrate(connection)
