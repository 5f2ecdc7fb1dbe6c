"""What two ends have kept of an attempt is used by both or by none."""

import threading

import pyarrow as pa
import pytest
from fakes import simulated_library
from fakes.authority import Authority
from fakes.intersections import run_both

from confide.core.errors import IntersectionFailed, RemoteProtocolError
from confide.mpc import intersection
from confide.mpc.greeting import Greeting
from confide.transport.memory import link_pair

LEFT, RIGHT, NEWER = (str(number) * 32 for number in range(3))


def greeting(own, other):
    return Greeting(found=False, own=own, other=other)


@pytest.mark.parametrize(
    ("left", "right", "continues"),
    [
        ((LEFT, RIGHT), (RIGHT, LEFT), True),
        ((LEFT, ""), (RIGHT, ""), False),
        ((LEFT, RIGHT), (NEWER, ""), False),
        ((LEFT, RIGHT), (RIGHT, ""), False),
        ((LEFT, RIGHT), (RIGHT, NEWER), False),
    ],
    ids=["both", "the first attempt", "a process that died", "one heard nothing", "one had another peer"],
)
def test_checkpoints_are_used_by_both_or_by_none(left, right, continues):
    left, right = greeting(*left), greeting(*right)
    assert left.continues(right) is right.continues(left) is continues


@pytest.mark.parametrize("word", [b"", b"{}", b'{"cache":"","found":false,"other":"","own":"x"}', b"kept"])
def test_another_word_is_no_greeting(word):
    with pytest.raises(RemoteProtocolError):
        Greeting.decode(word)


@pytest.fixture
def breaking(monkeypatch):
    """The first attempt writes a checkpoint at both, and fails at one; (what was there at each attempt)."""
    seen, lock = [], threading.Lock()

    def run_worker(folder, words, *rest, **more):
        checkpoint = folder / "checkpoint"
        with lock:
            seen.append(checkpoint.exists())
            first = len(seen) <= 2
            failing = len(seen) == 1
        checkpoint.mkdir(exist_ok=True)
        told = simulated_library.run_worker(folder, words, *rest, **more)
        if first and failing:
            raise IntersectionFailed("the library failed")
        return told

    monkeypatch.setattr(intersection, "run_worker", run_worker)
    return seen


def test_a_second_attempt_finds_the_checkpoints_of_the_first(breaking, tmp_path):
    """And who has had its outcome intersects again with who has not."""
    sides = pa.array(["a", "b", "c"]), pa.array(["c", "d"])
    found = run_both(Authority(), sides, tmp_path, more=[link_pair()])
    assert [side.rows.tolist() for side in found] == [[2], [0]]
    assert breaking == [False, False, True, True]
