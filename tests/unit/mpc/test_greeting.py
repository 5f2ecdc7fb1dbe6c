"""What two ends say to each other beside the library, and how far it has come."""

import threading

import pyarrow as pa
import pytest
from fakes import simulated_library
from fakes.authority import Authority
from fakes.intersections import run_both

from confide.core.errors import IntersectionFailed, RemoteProtocolError
from confide.mpc import intersection, worker_process
from confide.mpc.greeting import Greeting
from confide.mpc.worker_process import Told
from confide.transport.memory import link_pair


@pytest.mark.parametrize("word", [b"", b"{}", b'{"cache":"","found":false,"fresh":"x"}', b"kept"])
def test_another_word_is_no_greeting(word):
    with pytest.raises(RemoteProtocolError):
        Greeting.decode(word)


@pytest.fixture
def breaking(monkeypatch):
    """The first attempt fails at one of the two, at its end; (how often the library has run)."""
    runs, lock = [], threading.Lock()

    def run_worker(*arguments, **more):
        with lock:
            runs.append("run")
            failing = len(runs) == 1
        told = simulated_library.run_worker(*arguments, **more)
        if failing:
            raise IntersectionFailed("the library failed")
        return told

    monkeypatch.setattr(intersection, "run_worker", run_worker)
    return runs


def test_who_has_its_outcome_intersects_again_with_who_has_not(breaking, tmp_path):
    sides = pa.array(["a", "b", "c"]), pa.array(["c", "d"])
    found = run_both(Authority(), sides, tmp_path, more=[link_pair()])
    assert [side.rows.tolist() for side in found] == [[2], [0]]
    assert len(breaking) == 4


def test_progress_is_read_from_the_librarys_log():
    """As spu 0.9.5 writes it."""
    told, done = Told(), []
    for line in (
        "[info] [rr22_psi.cc:130] mask size: 9",
        "[info] [rr22_psi.cc:170] get intersection end",
        "[info] [bucket.cc:62] run psi bucket_idx=2, bucket_item_size=1100 ",
        "[info] [ecdh_psi.cc:206] SendDualMaskedItems to peer: all, batch=1, end...",
    ):
        worker_process._note(line, told)
        done.append(told.done)
    assert done == [0, 1 << 20, 2 << 20, 131_072]
