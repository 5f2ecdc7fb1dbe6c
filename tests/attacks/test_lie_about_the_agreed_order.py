"""T-41: a party uploads other rows than were agreed on, in another order, or cut otherwise. It is named."""

import msgspec
import pyarrow as pa
import pytest
from fakes.agreed import blocks_of, in_between, in_order, prepared, rewritten
from fakes.shop import predict_job, train_job, world

from confide.data.alignment.agreed_order import order_of
from confide.protocol.terms import Encoding, Intersection

ROWS, COMMON, BLOCK = 96, 70, 16
TERMS = Intersection(block_rows=BLOCK)


@pytest.fixture(scope="module")
def aligned():
    return in_order(prepared(ROWS), COMMON, BLOCK)


def outcome_of(shop, media, vocabulary="exact"):
    job = train_job(shop, alignment=TERMS, encoding=Encoding(vocabulary=vocabulary, bits=6))
    run = world(job, offered={"media": media})
    run.run()
    return run


def lies(dataset):
    """(what is done, the lie, the block that is named)."""
    blocks, honest = blocks_of(dataset), dataset.id_set_digest()
    swapped = [blocks[1], blocks[0], *blocks[2:]]
    within = [*blocks[:2], blocks[2].take(pa.array([1, 0, *range(2, BLOCK)])), *blocks[3:]]
    twice = [*blocks[:3], blocks[3].take(pa.array([0, 0, *range(2, BLOCK)])), *blocks[4:]]
    short = [blocks[0].slice(0, BLOCK - 1), *blocks[1:]]
    ids = blocks[2].column(0).to_numpy().copy()
    others = blocks[2].set_column(0, blocks[2].schema.field(0), pa.array(in_between(ids)))
    return {
        "two blocks are swapped": (rewritten(dataset, swapped), 1),
        "two rows are swapped": (rewritten(dataset, within), 2),
        "a row comes twice": (rewritten(dataset, twice, announce=honest), 3),
        "blocks are cut otherwise": (rewritten(dataset, short, announce=honest), 0),
        "another id is put in": (rewritten(dataset, [*blocks[:2], others, *blocks[3:]], announce=honest), 2),
    }


NAMES = (
    "two blocks are swapped",
    "two rows are swapped",
    "a row comes twice",
    "blocks are cut otherwise",
    "another id is put in",
)


def test_honest_parties_need_no_join(aligned):
    run = outcome_of(aligned["shop"], aligned["media"])
    assert run.errors == {}
    rows = run.kept["media"].receipts[0].receipt.rounds[0].rows
    assert {(r.source, r.sent, r.joined, r.unmatched) for r in rows.values()} == {(COMMON, COMMON, COMMON, 0)}
    block = run.kept["shop"].agreements[0].block
    assert block.id_set == aligned["shop"].id_set_digest() == aligned["media"].id_set_digest()


def test_predictions_stand_in_the_agreed_order(aligned):
    job = train_job(aligned["shop"], alignment=TERMS)
    then = predict_job(
        msgspec.structs.replace(
            job.task,
            name="score",
            kind="predict",
            label=None,
            split=None,
            baselines=(),
            releases=(msgspec.structs.replace(job.task.releases[0], what="predictions"),),
        ),
        dataset=aligned["shop"],
    )
    run = world(job, then, offered={"media": aligned["media"]})
    run.run()
    assert run.errors == {}
    lines = run.kept["shop"].results[1][3].decode().splitlines()[1:]
    ids = [int(line.split(",")[0]) for line in lines]
    assert sorted(ids) == list(range(COMMON))
    assert order_of(pa.array(ids)).tolist() == list(range(COMMON))


@pytest.mark.parametrize("liar", ["shop", "media"])
@pytest.mark.parametrize("lie", NAMES)
@pytest.mark.parametrize("vocabulary", ["exact", "hashed"])
def test_liar_and_block_are_named(aligned, liar, lie, vocabulary):
    """With a hashed vocabulary the training begins before the blocks are there that tell."""
    lying, block = lies(aligned[liar])[lie]
    datasets = aligned | {liar: lying}
    run = outcome_of(datasets["shop"], datasets["media"], vocabulary)
    for error in run.errors.values():
        assert error.code == "CFD-613", error.message
        assert error.blame == liar
        assert f"block {block} " in error.message
        assert liar in error.message
    assert set(run.errors) == {"enclave", "shop", "media"}


@pytest.mark.parametrize("liar", ["shop", "media"])
def test_other_ids_are_found_before_anything_is_signed(aligned, liar):
    """Who announces other ids than the rest: all are told counts, and the task ends."""
    lying = rewritten(aligned[liar], blocks_of(aligned[liar])[:-1])
    datasets = aligned | {liar: lying}
    run = outcome_of(datasets["shop"], datasets["media"])
    assert {error.code for error in run.errors.values()} == {"CFD-116"}
    assert run.kept["media"].agreements == []
