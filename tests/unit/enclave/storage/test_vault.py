import pytest
from fakes.mischief import flipped
from fakes.shop import datasets

from confide.core.digest import commitment
from confide.core.errors import BlockDigestMismatch, CommitmentMismatch, DatasetCorrupt, RemoteProtocolError
from confide.enclave.storage.vault import Vault

SALT = bytes(32)


@pytest.fixture
def data():
    return datasets()["media"]


@pytest.fixture
def vault(data):
    vault = Vault()
    vault.open("media", commitment(SALT, data.manifest_bytes), SALT, data.manifest_bytes)
    return vault


def test_blocks_come_in_any_order(vault, data):
    assert vault.missing("media") == (0, 1, 2)
    for index in (2, 0, 1):
        vault.store("media", index, data.block(index))
    assert vault.missing("media") == ()
    assert vault.shelf("media").blocks == dict(enumerate(data.blocks))


@pytest.mark.parametrize(
    "block", [flipped, lambda block: block[:-1], lambda block: block + b"x", lambda _: b""]
)
def test_a_block_that_does_not_match_stays_missing(vault, data, block):
    vault.store("media", 1, block(data.block(1)))
    assert vault.missing("media") == (0, 1, 2)
    vault.store("media", 1, data.block(1))
    assert vault.missing("media") == (0, 2)


@pytest.mark.parametrize("index", [0, 3, 65535])
def test_a_block_that_is_not_missing_is_refused(vault, data, index):
    vault.store("media", 0, data.block(0))
    with pytest.raises(RemoteProtocolError) as caught:
        vault.store("media", index, b"x")
    assert caught.value.blame == "media"


def test_the_complaint_names_party_block_and_rows(vault, data):
    vault.store("media", 0, data.block(0))
    complaint = vault.complaint("media")
    assert isinstance(complaint, BlockDigestMismatch)
    assert (complaint.blame, str(complaint)) == (
        "media",
        "block 1 (rows 32 to 63) of media did not match its digest 4 times",
    )


@pytest.mark.parametrize("salt", [b"\1" + bytes(31), b""])
def test_another_salt(data, salt):
    promised = commitment(SALT, data.manifest_bytes)
    with pytest.raises(CommitmentMismatch) as caught:
        Vault().open("media", promised, salt, data.manifest_bytes)
    assert caught.value.blame == "media"


def test_another_manifest(data):
    promised = commitment(SALT, data.manifest_bytes)
    with pytest.raises(CommitmentMismatch):
        Vault().open("media", promised, SALT, datasets(64)["media"].manifest_bytes)


def test_a_manifest_that_is_none():
    with pytest.raises(DatasetCorrupt) as caught:
        Vault().open("media", commitment(SALT, b"{}"), SALT, b"{}")
    assert caught.value.blame == "media"


def test_wiped(vault):
    vault.wipe()
    with pytest.raises(KeyError):
        vault.shelf("media")
    assert "blocks" not in repr(Vault())


def test_the_repr_of_a_shelf_shows_no_rows(vault, data):
    vault.store("media", 0, data.block(0))
    assert repr(data.block(0))[2:20] not in repr(vault.shelf("media"))


def test_a_block_that_comes_again_while_the_first_is_still_being_checked(vault, data):
    vault.store("media", 0, flipped(data.block(0)))
    vault.store("media", 0, data.block(0))
    with pytest.raises(RemoteProtocolError):
        vault.store("media", 0, data.block(0))
    assert vault.missing("media") == (1, 2)
