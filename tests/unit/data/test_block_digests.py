"""hashlib is the oracle of the digests that are made side by side."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from confide.data import block_digests
from confide.data.block_digests import LANES, digests_of

EDGES = (0, 1, 111, 112, 113, 119, 120, 127, 128, 129, 239, 240, 241, 255, 256, 257, 1 << 16)


def expected(blocks):
    return [hashlib.sha384(block).hexdigest() for block in blocks]


@pytest.fixture
def always(monkeypatch):
    """Side by side whatever it costs, so that lanes of all lengths run together."""
    monkeypatch.setattr(block_digests, "_WORTH", 0)


@pytest.mark.parametrize("count", range(2 * LANES + 2))
def test_any_number_of_blocks(count):
    blocks = [bytes([place]) * 5000 for place in range(count)]
    assert digests_of(blocks) == expected(blocks)


def test_every_length_of_an_ending(always):
    text = bytes(range(256)) * 3
    blocks = [text[:length] for length in range(400)]
    assert digests_of(blocks) == expected(blocks)


def test_each_length_stays_in_its_lane(always):
    blocks = [bytes([length % 251]) * length for length in EDGES]
    for turn in range(len(blocks)):
        turned = blocks[turn:] + blocks[:turn]
        assert digests_of(turned) == expected(turned)


def test_examples_of_the_standard(always):
    """FIPS 180-2, appendix D.1 and D.2, and the empty message; all lanes at once."""
    long = b"".join(bytes(range(start, start + 8)) for start in range(ord("a"), ord("o")))
    found = digests_of([b"abc", long, b"", b"abc"])
    assert found[0] == found[3]
    assert found[0].startswith("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163")
    assert found[1].startswith("09330c33f71147e83d192fc782cd1b4753111b173b3b05d2")
    assert found[2].startswith("38b060a751ac96384cd9327eb1b1e36a21fdb71114be0743")


BLOCKS = st.lists(st.binary(max_size=700) | st.sampled_from([b"x" * size for size in EDGES]), max_size=20)


@settings(deadline=None)
@given(BLOCKS, st.sampled_from([0, block_digests._WORTH]))
@example([b"", b""], 0)
def test_as_hashlib(blocks, worth):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_digests, "_WORTH", worth)
        assert digests_of(blocks) == expected(blocks)


@settings(deadline=None)
@given(BLOCKS)
def test_views_of_any_alignment(blocks):
    views = [memoryview(b"." * (place % 7) + block)[place % 7 :] for place, block in enumerate(blocks)]
    assert digests_of(views) == expected(blocks)


def test_one_long_block_is_not_held_up_by_lanes_that_run_empty(monkeypatch):
    called = []
    monkeypatch.setattr(
        block_digests, "_native", lambda _, blocks: called.append(len(blocks)) or expected(blocks)
    )
    monkeypatch.setattr(block_digests, "side_by_side", lambda: True)
    monkeypatch.setattr(block_digests, "_library", object)
    long, short = bytes(100_000), bytes(10)
    assert digests_of([short, long, short]) == expected([short, long, short])
    assert called == []
    assert digests_of([long] * 4) == expected([long] * 4)
    assert called == [4]


def test_without_the_library(monkeypatch):
    monkeypatch.setattr(block_digests, "_library", lambda: None)
    assert not block_digests.side_by_side()
    blocks = [b"x" * length for length in EDGES]
    assert digests_of(blocks) == expected(blocks)


def test_the_library_is_used_where_the_processor_has_the_instructions():
    """So that a build that lost it does not pass for a slow day."""
    told = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    flags = next((line.split() for line in told if line.startswith("flags")), [])
    if not {"avx512f", "avx512bw"} <= set(flags):
        pytest.skip("no AVX-512 here")
    from confide.data.category_hash import _library  # noqa: PLC0415

    assert block_digests.side_by_side() == (_library() is not None)
