"""Exactly the ids that both have, and nothing left behind. With the real library, in real child processes."""

import os
import random
import signal
import stat
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
from fakes.intersections import leftovers, run_both, settings
from hypothesis import given
from hypothesis import strategies as st

from confide.core.errors import IntersectionFailed, MpcUnavailable
from confide.mpc.intersection import PROTOCOLS
from confide.mpc.tokens import tokens_of
from confide.mpc.worker_process import check_library
from confide.transport.memory import link_pair

TEXTS = [
    "a",
    "A",
    " a",
    "1",
    "01",
    "1e5",
    "NULL",
    "nan",
    "é",
    "e\u0301",
    "日本",
    '"',
    ",",
    "\n",
    "x\x00y",
    "𝔸",
]


def expected(own, others):
    other = set(others)
    return [row for row, identifier in enumerate(own) if identifier in other]


def check(found, left, right):
    for side, own, others in ((found[0], left, right), (found[1], right, left)):
        assert not isinstance(side, Exception), side
        assert side.rows.tolist() == expected(own, others)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_texts_meet_exactly(authority, tmp_path, protocol):
    """What a CSV file, a number or a null could be mistaken for; ids that differ in case or form only."""
    draw = random.Random(protocol)
    everything = TEXTS + [chr(draw.randrange(0x100, 0xD000)) * draw.randrange(1, 9) for _ in range(300)]
    everything = list(dict.fromkeys(everything))
    left, right = (draw.sample(everything, draw.randrange(150, 250)) for _ in range(2))
    found = run_both(authority, (pa.array(left), pa.array(right)), tmp_path, protocol=protocol)
    check(found, left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [([5, -(1 << 63), 7], [(1 << 63) - 1, 7, -(1 << 63)]), ([1, 2], [3]), ([], [4])],
    ids=["extremes", "disjoint", "empty"],
)
def test_integers_meet_exactly(authority, tmp_path, left, right):
    sides = pa.array(left, pa.int64()), pa.array(right, pa.int64())
    check(run_both(authority, sides, tmp_path), left, right)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True))
def test_tokens_are_equal_exactly_where_ids_are(ids):
    """In a slice of a column, too."""
    tokens = tokens_of(pa.array(ids, pa.string())).to_pylist()
    assert [bytes.fromhex(token[1:]).decode() for token in tokens] == ids
    assert all(token[0] == "x" and token.isalnum() and token.isascii() for token in tokens)
    assert tokens_of(pa.array(["before", *ids, "after"]).slice(1, len(ids))).to_pylist() == tokens


def test_tokens_of_integers():
    tokens = tokens_of(pa.array([7, -1, 1 << 62]).slice(1)).to_pylist()
    assert tokens == ["x" + "f" * 16, "x4" + "0" * 15]


def test_one_side_only_learns(authority, tmp_path):
    found = run_both(authority, (pa.array(["a", "b"]), pa.array(["b"])), tmp_path, both_learn=False)
    assert found[0].rows.tolist() == [1]
    assert found[1].rows is None


# --- nothing is left behind ---------------------------------------------------------------------------


class Watching:
    """A link that tells of its first frames; what passes is what the relay sees."""

    def __init__(self, link, seen):
        self._link, self.seen = link, seen
        self.close = link.close

    def send(self, envelope):
        self.seen.append(bytes(envelope))
        self._link.send(envelope)

    def receive(self, timeout=None):
        return self._link.receive(timeout)


def test_the_relay_sees_no_id_and_no_file_is_left(authority, tmp_path):
    ids = [f"canary-{number}" for number in range(500)]
    seen, modes = [], []

    def look(_stage, _done, _total):
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*/*") if path.is_dir())

    links = tuple(Watching(link, seen) for link in link_pair())
    found = run_both(authority, (pa.array(ids), pa.array(ids[::2])), tmp_path, links=links, tell=look)
    check(found, ids, ids[::2])
    passed = b"".join(seen)
    assert len(passed) > 100_000
    for spelled in (b"canary", b"canary".hex().encode(), b"input.csv"):
        assert spelled not in passed
    assert modes
    assert set(modes) == {0o700}
    assert leftovers(tmp_path) == []


def slow_start(found, tmp_path, then):
    """Do `then` once a worker of this test runs."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if running := list(workers(tmp_path)):
            then(running)
            return
        time.sleep(0.02)
    found.append("no worker was seen")


def workers(folder):
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in str((process / "cwd").readlink()):
                yield int(process.name)
        except OSError:
            continue


def disturbed(authority, tmp_path, then, **changes):
    problems = []
    thread = threading.Thread(target=slow_start, args=(problems, tmp_path, then))
    thread.start()
    found = run_both(authority, (pa.array(list("abc")), pa.array(list("cd"))), tmp_path, seconds=5, **changes)
    thread.join()
    assert problems == []
    assert all(isinstance(side, IntersectionFailed) for side in found), found
    assert leftovers(tmp_path) == []
    assert list(workers(tmp_path)) == []


def test_a_worker_that_is_killed(authority, tmp_path):
    disturbed(authority, tmp_path, lambda running: os.kill(running[0], signal.SIGKILL))


def test_a_dropped_leg(authority, tmp_path):
    links = link_pair()
    disturbed(authority, tmp_path, lambda _: links[0].close(), links=links)


def test_a_cancelled_task(authority, tmp_path):
    stop = threading.Event()
    disturbed(authority, tmp_path, lambda _: stop.set(), cancelled=stop)


def test_what_a_killed_process_has_left_is_removed_by_the_next(authority, tmp_path):
    dead = tmp_path / "alice" / "999999999-left"
    dead.mkdir(parents=True)
    (dead / "input.csv").write_text("id,row\nsomebody,0\n")
    found = run_both(authority, (pa.array(["a"]), pa.array(["a"])), tmp_path, protocol="ecdh")
    check(found, ["a"], ["a"])
    assert leftovers(tmp_path) == []


# --- the library is optional --------------------------------------------------------------------------


def test_without_the_library(tmp_path):
    with pytest.raises(MpcUnavailable, match="spu"):
        check_library(sys.executable)
    with pytest.raises(MpcUnavailable, match="can't be run"):
        check_library(str(tmp_path / "no-python"))


def test_with_the_library():
    check_library(settings(Path(), receiver=True).python)


def test_a_worker_without_the_library_says_so(authority, tmp_path):
    found = run_both(authority, (pa.array(["a"]), pa.array(["a"])), tmp_path, python=sys.executable)
    assert any(isinstance(side, MpcUnavailable) for side in found)
    assert leftovers(tmp_path) == []
