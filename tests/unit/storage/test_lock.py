"""Whoever holds the lock is alone, though its file comes and goes."""

import fcntl
import subprocess
import sys

import pytest

from confide.core.errors import TaskInUse
from confide.storage.lock import FileLock

HELD = TaskInUse("held")
COMPETES = """
import os, sys
from pathlib import Path
from confide.core.errors import TaskInUse
from confide.storage.lock import FileLock
lock, witness, turns = Path(sys.argv[1]), sys.argv[2], 0
while turns < 300:
    try:
        held = FileLock(lock, TaskInUse("held"))
    except TaskInUse:
        continue
    os.close(os.open(witness, os.O_CREAT | os.O_EXCL))  # fails if the other one is in here, too
    os.unlink(witness)
    held.release()
    turns += 1
print(turns)
"""


def test_two_processes_that_compete_are_never_inside_together_and_nothing_stays(tmp_path):
    arguments = [sys.executable, "-c", COMPETES, str(tmp_path / "lock"), str(tmp_path / "inside")]
    both = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"
    ]
    assert [one.communicate(timeout=60) for one in both] == [("300\n", "")] * 2
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_file_was_removed_while_it_was_opened_is_not_held(tmp_path, monkeypatch):
    """Its holder lets go between our opening and our locking, and somebody else takes a new file."""
    path, lock = tmp_path / "lock", fcntl.flock
    first, others = FileLock(path, HELD), []

    def late(descriptor, how):
        if not others:
            others.append(None)
            first.release()
            others[0] = FileLock(path, HELD)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(TaskInUse):
        FileLock(path, HELD)
    others[0].release()
    FileLock(path, HELD).release()
    assert not path.exists()


def test_who_does_not_get_the_lock_leaves_its_file(tmp_path):
    held = FileLock(tmp_path / "lock", HELD)
    for _ in range(2):
        with pytest.raises(TaskInUse):
            FileLock(tmp_path / "lock", HELD)
    held.release()
    held.release()
    assert not (tmp_path / "lock").exists()


def test_a_file_that_a_killed_process_left_is_taken_by_the_next(tmp_path):
    (tmp_path / "lock").touch()
    FileLock(tmp_path / "lock", HELD).release()
    assert not (tmp_path / "lock").exists()
