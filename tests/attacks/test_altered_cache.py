"""T-47: what an unbalanced intersection leaves on a disk is taken up whole or not at all."""

import shutil

import pytest

from confide.app.system import SystemRandomness
from confide.core.errors import SealError
from confide.crypto.cache_key import RECORD_BYTES, CacheKey
from confide.crypto.keys import KeyKind, PrivateKey
from confide.mpc import cache as caches
from confide.mpc.cache import Cache

HANDLE, IDS = "0" * 32, "digest of ids"
FILES = {"a.bin": b"secret" * RECORD_BYTES, "empty": b"", "meta.json": b'{"privKey": "secret"}'}


@pytest.fixture(scope="module")
def identity():
    return PrivateKey.generate(KeyKind.P_384)


@pytest.fixture
def kept(identity, tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    for name, data in FILES.items():
        (made / name).write_bytes(data)
    cache = Cache(tmp_path / "caches" / "for-alice", CacheKey(identity, "for-alice"), SystemRandomness())
    cache.keep(made, HANDLE, IDS)
    return cache


def test_what_is_kept_comes_back(kept, tmp_path):
    assert kept.open(tmp_path / "opened", IDS) == HANDLE
    assert {path.name: path.read_bytes() for path in (tmp_path / "opened").iterdir()} == FILES
    assert not any(b"secret" in path.read_bytes() for path in kept.folder.iterdir())


def altered(cache):
    piece = cache.folder / "0.sealed"
    data = bytearray(piece.read_bytes())
    data[-1] ^= 1
    piece.write_bytes(data)


def cut(cache):
    """At the end of a record."""
    piece = cache.folder / "0.sealed"
    piece.write_bytes(piece.read_bytes()[: 32 + RECORD_BYTES + 16])


def swapped(cache):
    first, second = cache.folder / "1.sealed", cache.folder / "2.sealed"
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def without_a_file(cache):
    (cache.folder / "1.sealed").unlink()


def gone(cache):
    shutil.rmtree(cache.folder)


@pytest.mark.parametrize("happened", [altered, cut, swapped, without_a_file, gone])
def test_what_does_not_open_is_not_there(kept, tmp_path, happened):
    happened(kept)
    assert kept.open(tmp_path / "opened", IDS) == ""
    assert not (tmp_path / "opened").exists()


def test_a_cache_of_other_ids_or_another_library_is_stale(kept, tmp_path, monkeypatch):
    assert kept.open(tmp_path / "opened", "other ids") == ""
    monkeypatch.setattr(caches, "VERSION", "0.9.6")
    assert kept.open(tmp_path / "opened", IDS) == ""


def test_a_newer_one_takes_its_place(kept, tmp_path):
    made = tmp_path / "newer"
    made.mkdir()
    (made / "one").write_bytes(b"1")
    kept.keep(made, "1" * 32, "more ids")
    assert kept.open(tmp_path / "opened", IDS) == ""
    assert kept.open(tmp_path / "opened", "more ids") == "1" * 32
    assert len(list(kept.folder.iterdir())) == 2


def test_nobody_else_opens_it(kept, tmp_path):
    for key in (
        CacheKey(PrivateKey.generate(KeyKind.P_384), "for-alice"),
        CacheKey(kept.key._identity, "for-bob"),
    ):
        with pytest.raises(SealError):
            key.open(kept.folder / "0.sealed", tmp_path / "opened")
        (tmp_path / "opened").unlink()
