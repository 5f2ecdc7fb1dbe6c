"""T-42: a party keeps to the order until the training has begun, and lies in a later block."""

from unittest import mock

import pyarrow as pa
import pytest
from fakes.agreed import blocks_of, in_between, in_order, prepared, rewritten
from fakes.outcomes import heard
from fakes.shop import train_job, world
from fakes.world import PARAMETERS

from confide.core import limits
from confide.enclave.learning import training
from confide.protocol.kinds import Kind
from confide.protocol.terms import Encoding, Intersection

ROWS, BLOCK = 96, 16
LAST = ROWS // BLOCK - 1


@pytest.fixture(scope="module")
def aligned():
    return in_order(prepared(ROWS), ROWS, BLOCK)


def with_another_id(dataset, block):
    """An id that nobody has, where the order allows it."""
    blocks = blocks_of(dataset)
    changed = pa.array(in_between(blocks[block].column(0).to_numpy()))
    blocks[block] = blocks[block].set_column(0, blocks[block].schema.field(0), changed)
    return rewritten(dataset, blocks, announce=dataset.id_set_digest())


@pytest.mark.parametrize("liar", ["shop", "media"])
@pytest.mark.parametrize("block", [3, LAST])
def test_the_liar_is_named_and_what_was_learned_is_thrown_away(aligned, liar, block):
    datasets = aligned | {liar: with_another_id(aligned[liar], block)}
    terms = {"alignment": Intersection(block_rows=BLOCK), "encoding": Encoding(vocabulary="hashed", bits=6)}
    ran = world(train_job(datasets["shop"], PARAMETERS, **terms), offered={"media": datasets["media"]})
    begun = []

    def tamper(ran):
        step = ran.enclave._rounds._so_far
        begun.append(step is not None and step.done)

    with mock.patch.object(limits, "TURN_ROWS", 1):
        ran.run(tamper)
    assert max(begun) >= 1, "the lie was found before anything was learned"
    # Of the block that differs, and of what follows, nothing is learned while it is not known who lies.
    assert max(begun) <= block + 1
    assert set(ran.errors) == {"enclave", "shop", "media"}
    for error in ran.errors.values():
        assert (error.code, error.blame) == ("CFD-613", liar)
        assert f"block {block} " in error.message
    assert not any(kept.results or kept.receipts for kept in ran.kept.values())
    for party in ("shop", "media"):
        assert all(not said.metrics for said in heard(ran, party, Kind.PROGRESS))


def test_a_work_that_skips_the_check_can_t_end(aligned):
    """The last line of defence: what came early is checked before the outcome, whatever the training did."""
    datasets = aligned | {"media": with_another_id(aligned["media"], 3)}
    terms = {"alignment": Intersection(block_rows=BLOCK), "encoding": Encoding(vocabulary="hashed", bits=6)}
    ran = world(train_job(datasets["shop"], PARAMETERS, **terms), offered={"media": datasets["media"]})

    def nothing_learned(self, previous, checkpoints):
        yield from ()

    with mock.patch.object(training.Training, "run", nothing_learned):
        ran.run()
    assert {error.code for error in ran.errors.values()} == {"CFD-613"}
