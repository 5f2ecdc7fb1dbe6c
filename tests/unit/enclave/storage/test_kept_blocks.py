import pytest
from fakes.ports import SeededRandomness
from fakes.shop import datasets

from confide.core.digest import commitment
from confide.core.errors import SpoolFailed
from confide.enclave.storage.forecast import Forecast
from confide.enclave.storage.kept_blocks import KeptBlocks
from confide.enclave.storage.plan import Plan
from confide.enclave.storage.spool import Spool, SpoolFolder
from confide.enclave.storage.vault import Vault

SALT = bytes(32)
OUT_OF_CORE = Plan(Forecast(96, 2, {"train": 1}), 32)
IN_MEMORY = Plan(Forecast(96, 2, {"train": 1}))


@pytest.fixture
def spools(tmp_path):
    folder = SpoolFolder(tmp_path, SeededRandomness())
    yield folder
    folder.close()


def test_blocks_move_to_disk_and_read_the_same(tmp_path):
    blocks, data = KeptBlocks(), {index: bytes([index]) * 50 for index in range(5)}
    for index in (0, 1, 2):
        blocks[index] = data[index]
    del blocks[1]
    blocks[1] = data[1]
    assert (dict(blocks), blocks.bytes_in_memory, blocks.spilling) == (
        {0: data[0], 2: data[2], 1: data[1]},
        150,
        False,
    )
    with Spool(tmp_path, SeededRandomness()) as spool:
        blocks.spill(spool)
        assert (blocks.bytes_in_memory, spool.bytes_on_disk, blocks.spilling) == (0, 150, True)
        for index in (3, 4):
            blocks[index] = data[index]
        assert dict(blocks) == data
        assert 4 in blocks
        del blocks[4]
        assert (4 in blocks, 5 in blocks, len(blocks)) == (False, False, 4)
        with pytest.raises(KeyError):
            blocks[4]
        record = blocks._on_disk[0]
        blocks.clear()
        assert len(blocks) == 0
        with pytest.raises(SpoolFailed):
            spool.get(record)


def opened(vault, *parties):
    for party in parties:
        manifest = datasets()[party].manifest_bytes
        vault.open(party, commitment(SALT, manifest), SALT, manifest)
    return vault


def store(vault, party):
    for index, block in enumerate(datasets()[party].blocks):
        vault.store(party, index, block)
    return vault.shelf(party).blocks


def test_blocks_of_an_out_of_core_round_are_on_disk(spools):
    vault = opened(Vault(spools), "shop", "media")
    vault.follow(OUT_OF_CORE)
    kept = [store(vault, party) for party in ("shop", "media")]
    assert [blocks.bytes_in_memory for blocks in kept] == [0, 0]
    shelves = vault.shelves(("shop", "media"))
    assert (shelves.shard_rows, shelves.spools, list(shelves)) == (32, spools, ["shop", "media"])
    for party, shelf in shelves.items():
        assert shelf.blocks == dict(enumerate(datasets()[party].blocks))
    vault.wipe()
    with pytest.raises(SpoolFailed):
        kept[0][0]


def test_blocks_of_a_round_in_memory_stay_there(spools):
    vault = opened(Vault(spools), "shop", "media")
    vault.follow(IN_MEMORY)
    assert store(vault, "shop").bytes_in_memory
    assert spools._open == []


def test_without_a_folder_nothing_goes_to_disk():
    vault = opened(Vault(None), "shop")
    vault.follow(OUT_OF_CORE)
    assert store(vault, "shop").bytes_in_memory
