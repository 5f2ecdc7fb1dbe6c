"""Numbered changes of the database's schema, each applied once, in order, in one transaction."""

import sqlite3
from importlib import resources

from confide.core.errors import ConfigurationError

_FOLDER = "sql"


def scripts() -> list[str]:
    """SQL of migration 1, 2, …: files `0001_….sql` and so on, without a gap."""
    folder = resources.files("confide.storage") / _FOLDER
    named = sorted((item.name, item) for item in folder.iterdir() if item.name.endswith(".sql"))
    numbers = [int(name.partition("_")[0]) for name, _ in named]
    if numbers != list(range(1, len(numbers) + 1)):
        raise ConfigurationError("the installed database migrations are not complete")
    return [item.read_text(encoding="utf-8") for _, item in named]


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest schema.

    Raises:
        ConfigurationError: it was written by a newer version of Confide.
    """
    known = scripts()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(known):
        raise ConfigurationError(
            f"the database has schema {version}, this software knows {len(known)}: use a newer version"
        )
    for number in range(version + 1, len(known) + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{known[number - 1]}\nPRAGMA user_version = {number};\nCOMMIT;"
        )


def check_current(connection: sqlite3.Connection) -> None:
    """For who only reads. Raises ConfigurationError: it is of another version than this software."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != (known := len(scripts())):
        raise ConfigurationError(f"the database has schema {version}, this software reads schema {known}")
