"""What canaries tell of an honest run; and that losing, repeating or mixing rows changes what they tell."""

import pytest
from msgspec.structs import replace
from simulation import canaries
from simulation.judgement import results, undisturbed
from simulation.simulation import Simulation

from confide.core.platform_api import TaskKind
from confide.data.block_columns import BlockColumns
from confide.enclave.rows import opened


def files_of(ran):
    """The model, and the predictions if it came to them."""
    return [data for _, _, _, data in ran.kept["shop"].results]


def test_an_honest_run_knows_every_row_of_its_round_and_no_other():
    found = canaries.told(*files_of(Simulation([]).run().ran))
    assert found.known == canaries.HONEST
    assert found.rows == (canaries.JOINED - 4, 4)
    assert found.scored == tuple(range(1000, 1000 + canaries.LATER))


def lost(index):
    """A block of media is not there."""

    def sabotage(data):
        return [block for block in blocks_of(data) if block[0] != index]

    return sabotage


def repeated(data):
    """The first block stands in the place of the second, too."""
    first, _, *rest = blocks_of(data)
    return [first, first, *rest]


def mixed(data):
    """In the place of the last block, one with the same ids and other people's cells."""
    *mine, (index, _, _) = blocks_of(data)
    return [*mine, blocks_of(canaries.of_others())[index]]


def blocks_of(data):
    return [(index, entry, data.block(index)) for index, entry in enumerate(data.manifest.blocks)]


def with_blocks(manifest, entries):
    rows = sum(entry.rows for entry in entries)
    source = replace(manifest.source, rows=rows + manifest.quarantined_rows)
    return replace(manifest, blocks=entries, rows=rows, source=source)


def sabotaged(monkeypatch, sabotage):
    """Behind all checks: what the enclave opens of media's training data is not what has come."""
    honest = opened._source

    def source(party, shelf):
        if party != "media" or shelf.manifest != data.manifest:
            return honest(party, shelf)
        return BlockColumns([block for _, _, block in blocks], altered)

    def counts(manifest, found):
        """The receipt's own sums would tell of it at once."""
        return count(altered if manifest == data.manifest else manifest, found)

    data, count = canaries.data("media", TaskKind.TRAIN), opened._counts
    blocks = sabotage(data)
    altered = with_blocks(data.manifest, tuple(entry for _, entry, _ in blocks))
    monkeypatch.setattr(opened, "_source", source)
    monkeypatch.setattr(opened, "_counts", counts)
    return Simulation([]).run().ran


@pytest.mark.parametrize(
    ("sabotage", "missing", "strange"),
    [
        (lost(0), {"media-0", "shop-0", "shop-1"}, set()),
        (lost(1), {"media-1", "shop-2"}, set()),
        (lost(2), {"media-2"}, set()),
        (repeated, {"media-1", "shop-2"}, set()),
        (mixed, {"media-2"}, {"media-later"}),
    ],
    ids=["first lost", "second lost", "third lost", "repeated", "mixed"],
)
def test_rows_that_are_lost_repeated_or_mixed_are_told_by_the_model(monkeypatch, sabotage, missing, strange):
    honest = undisturbed()
    ran = sabotaged(monkeypatch, sabotage)
    model = ran.kept["shop"].results[0]
    found = canaries.told(model[3])
    assert canaries.HONEST - found.known == missing
    assert found.known - canaries.HONEST == strange
    assert results(ran)[0] != honest[0]


def test_the_order_of_a_providers_blocks_changes_nothing(monkeypatch):
    honest = undisturbed()
    ran = sabotaged(monkeypatch, lambda data: blocks_of(data)[::-1])
    assert canaries.told(ran.kept["shop"].results[0][3]).known == canaries.HONEST
    assert results(ran)[0] == honest[0]  # media's order counts for nothing: the joined rows stand in shop's
