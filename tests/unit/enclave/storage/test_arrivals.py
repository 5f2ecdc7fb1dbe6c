"""Blocks wait for their digests in bounded number, and are judged in the order in which they came."""

import hashlib

import pytest

from confide.core import limits
from confide.data.block_digests import LANES
from confide.enclave.storage.arrivals import WAITING, Arrivals

BLOCKS = [bytes([place]) * 1000 for place in range(4 * LANES + 3)]


@pytest.fixture
def judged():
    return []


@pytest.fixture
def arrivals(judged):
    return Arrivals(lambda name, block, digest: judged.append((name, block, digest)))


def test_all_are_judged_in_order(arrivals, judged):
    for name, block in enumerate(BLOCKS):
        arrivals.put(name, block)
        assert name in arrivals
        assert name + 1 - len(judged) <= WAITING * LANES
    arrivals.settle()
    assert judged == [(name, block, hashlib.sha384(block).hexdigest()) for name, block in enumerate(BLOCKS)]
    assert 0 not in arrivals


def test_long_blocks_do_not_wait_for_others(arrivals, judged, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BLOCK_BYTES", 1000)
    for name, block in enumerate(BLOCKS):
        arrivals.put(name, block)
        assert name + 1 - len(judged) <= WAITING


def test_dropped_blocks_are_not_judged(arrivals, judged):
    for name, block in enumerate(BLOCKS[:3]):
        arrivals.put(name, block)
    arrivals.drop()
    arrivals.settle()
    assert judged == []
    assert 0 not in arrivals
