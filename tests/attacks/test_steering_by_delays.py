"""T-43: who delays, drops or reorders blocks has no influence on the order in which rows are learned."""

import functools
from contextlib import closing
from itertools import accumulate
from unittest import mock

from fakes.agreed import in_order, prepared, unsigned
from fakes.shop import train_job
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.algorithms import model_file, registry
from confide.app.system import SystemClock, SystemRandomness
from confide.core import limits
from confide.core.digest import commitment
from confide.enclave.learning import training
from confide.enclave.rows.in_turn import turns
from confide.enclave.storage.spool import SpoolFolder
from confide.enclave.storage.vault import Shelves, Vault
from confide.protocol.terms import Algorithm, Encoding, Intersection

ROWS = 120
PARTIES = ("shop", "media")
RANDOMNESS = SystemRandomness()


@functools.cache
def data(block_rows):
    return in_order(prepared(ROWS), ROWS, block_rows)


def agreement(block_rows, epochs):
    held = data(block_rows)
    encoding = Encoding(vocabulary="hashed", bits=5)
    task = train_job(held["shop"], alignment=Intersection(block_rows=block_rows), encoding=encoding).task
    listed = registry.ALGORITHMS["fm"]
    parameters = {"epochs": epochs, "embedding_size": 2, "batch_size": 8}
    algorithm = Algorithm(
        name="fm", version=listed.version, digest=registry.code_digest("fm"), parameters=parameters
    )
    return unsigned(task, algorithm, held["shop"].id_set_digest())


def opened(block_rows):
    """A vault to which nothing has come."""
    vault = Vault()
    for party in PARTIES:
        salt, manifest = RANDOMNESS.bytes(32), data(block_rows)[party].manifest_bytes
        vault.open(party, commitment(salt, manifest), salt, manifest)
    return vault


def outcome(steps):
    """What the last step holds, as far as it can be compared."""
    found = steps[-1].outcome
    arrays = model_file.read(found.data).arrays
    numbers = {name: array.tobytes() for name, array in arrays.items()}
    return numbers, found.report.metrics, found.report.curve, found.rows


def learned_at_once(block_rows, epochs, deliveries):
    """One-shot: the training begins when everything is here."""
    vault = opened(block_rows)
    for party, index in deliveries:
        vault.store(party, index, data(block_rows)[party].block(index))
    return outcome(run(vault.shelves(PARTIES), block_rows, epochs))


def run(shelves, block_rows, epochs):
    return list(training.run(agreement(block_rows, epochs), b"", shelves, RANDOMNESS, clock=SystemClock()))


def learned_early(block_rows, epochs, deliveries, shard_rows, spools):
    """After each delivery the work goes as far as it can."""
    vault = opened(block_rows)
    shelves = Shelves({party: vault.shelf(party) for party in PARTIES}, shard_rows, spools, vault.has)
    work = training.run(agreement(block_rows, epochs), b"", shelves, RANDOMNESS, clock=SystemClock())
    done, ready = [], None
    for party, index in deliveries:
        vault.store(party, index, data(block_rows)[party].block(index))
        while (not done or done[-1].outcome is None) and (ready is None or ready()):
            done.append(next(work))
            ready = done[-1].ready
    return outcome(done)


def shuffled(block_rows, random):
    """All blocks of both parties, in any order."""
    blocks = range(-(-ROWS // block_rows))
    found = [(party, index) for party in PARTIES for index in blocks]
    random.shuffle(found)
    return found


@settings(max_examples=25, deadline=None)
@given(
    block_rows=st.integers(5, ROWS + 3),
    epochs=st.integers(1, 3),
    turn=st.sampled_from((1, 20, 1_000)),
    shard_rows=st.one_of(st.none(), st.integers(10, ROWS)),
    random=st.randoms(use_true_random=False),
)
def test_whatever_comes_when_the_model_is_the_same_to_the_bit(block_rows, epochs, turn, shard_rows, random):
    deliveries = shuffled(block_rows, random)
    with mock.patch.object(limits, "TURN_ROWS", turn), closing(SpoolFolder(None, RANDOMNESS)) as spools:
        early = learned_early(block_rows, epochs, deliveries, shard_rows, spools)
        assert early == learned_at_once(block_rows, epochs, deliveries)


def test_the_shards_follow_from_the_rows_alone():
    """Every shard has enough rows, they hold all rows, and the last takes what is left."""
    training_rows = [1, 2, 5, 6, 7, 11, 12]
    starts = [0, *accumulate([4, 4, 4, 4])]
    assert turns(training_rows, starts, 2) == ([1, 2, 4], [0, 2, 5, 7])
    assert turns(training_rows, starts, 3) == ([4], [0, 7])
    assert turns(training_rows, starts, 100) == ([4], [0, 7])
    assert turns([], starts, 1) == ([4], [0, 0])
