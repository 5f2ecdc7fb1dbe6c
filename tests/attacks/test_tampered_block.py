"""Threat: somebody changes, drops, swaps or adds data blocks on their way into the enclave, so that a
model is trained on other rows than the parties committed to.

Measure: blocks travel sealed in order, each must have the length and digest that the committed manifest
lists, and training starts only when all are there.
"""

import pytest
from fakes.mischief import flipped, times, twist
from fakes.outcomes import completed, ended, heard
from fakes.shop import datasets, world

from confide.core.errors import BlockDigestMismatch, SealError
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind

LONG = 600
"""Envelopes of data blocks are longer than this; all that parties say in between is shorter."""


def on_the_way(change):
    """The host changes the second long envelope that media sends."""
    seen = []

    def tamper(ran):
        sender, to, envelope = ran.wire[0]
        if sender == "media" and len(envelope) > LONG:
            seen.append(envelope)
            if len(seen) == 2:
                ran.wire.popleft()
                for changed in reversed(change(seen)):
                    ran.wire.appendleft((sender, to, changed))

    return tamper


@pytest.mark.parametrize(
    "change",
    [
        lambda seen: [flipped(seen[1])],
        lambda seen: [seen[1][:-1]],
        lambda seen: [seen[0]],
        lambda seen: [seen[1], seen[1]],
        lambda seen: [seen[1] + b"\0"],
    ],
    ids=["altered", "truncated", "replaced by an earlier one", "duplicated", "extended"],
)
def test_the_host_can_not_touch_a_sealed_block(change):
    ran = world()
    ran.run(on_the_way(change))
    assert list(ran.broken) == ["media"]
    assert type(ran.broken["media"]) is SealError
    assert not heard(ran, "shop", Kind.PROGRESS)
    assert ran.kept["shop"].results == []


def test_the_host_can_not_drop_a_sealed_block():
    ran = world()
    ran.run(on_the_way(lambda _: []))
    assert type(ran.broken["media"]) is SealError


def swapped(said):
    """Block 0 under the number 1 and the other way round."""
    other = {0: 1, 1: 0}.get(said.message.index, said.message.index)
    return [Spoken(said.message, datasets()["media"].block(other))]


def test_blocks_in_each_others_place_are_asked_for_again():
    ran = world()
    twist(ran, "media").changes[Kind.DATA_BLOCK] = times(3, swapped)
    ran.run()
    completed(ran)
    assert [message.blocks for message in heard(ran, "media", Kind.WANTED)] == [((0, 2),), ((0, 1),)]


@pytest.mark.parametrize(
    "change",
    [
        swapped,
        lambda said: [Spoken(said.message, datasets()["shop"].block(said.message.index))],
        lambda said: [Spoken(said.message, said.payload + b"\0")],
        lambda said: [Spoken(said.message, b"")],
        lambda said: [],
    ],
    ids=["swapped", "of another party", "extended", "empty", "none"],
)
def test_a_party_that_keeps_sending_other_blocks_is_named(change):
    ran = world()
    twist(ran, "media").changes[Kind.DATA_BLOCK] = change
    ran.run()
    ended(ran, BlockDigestMismatch, "media")
    assert not heard(ran, "shop", Kind.PROGRESS)


def test_a_mended_model_is_the_undisturbed_one():
    """What was damaged and sent again leaves no trace in the result."""
    plain, mended = world(), world()
    twist(mended, "shop").changes[Kind.DATA_BLOCK] = times(
        2, lambda said: [Spoken(said.message, flipped(said.payload))]
    )
    plain.run()
    mended.run()
    first, second = (ran.kept["shop"].results[0][2].metrics for ran in (plain, mended))
    assert first == second
