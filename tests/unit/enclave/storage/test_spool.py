import os
import stat
from pathlib import Path

import pytest
from fakes.ports import SeededRandomness

from confide.core import limits
from confide.core.errors import LimitExceeded, SpoolFailed
from confide.enclave.storage.spool import Spool, SpoolFolder

FULL = Path("/dev/full")


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path, SeededRandomness())
    yield spool
    spool.close()


@pytest.mark.parametrize("data", [b"", b"x", bytes(100_000)])
def test_what_was_put_comes_back(spool, data):
    first, second = spool.put("block", b"before"), spool.put("piece", memoryview(data))
    assert (spool.get(second), spool.get(first), spool.get(second)) == (data, b"before", data)
    assert spool.bytes_on_disk == 6 + len(data)


def test_the_file_has_no_name_and_is_the_owners_alone(spool, tmp_path):
    spool.put("block", b"data")
    found = os.fstat(spool._file.fileno())
    assert list(tmp_path.iterdir()) == []
    assert found.st_nlink == 0
    assert stat.S_IMODE(found.st_mode) == 0o600


def test_equal_records_look_different(spool):
    records = [spool.put("block", bytes(64)) for _ in range(2)]
    written = [os.pread(spool._file.fileno(), 64, record.start) for record in records]
    assert written[0] != written[1] != bytes(64)


def test_two_spools_have_two_keys(tmp_path):
    randomness = SeededRandomness()
    with Spool(tmp_path, randomness) as first, Spool(tmp_path, randomness) as second:
        record = first.put("block", b"data")
        second.put("block", b"data")
        with pytest.raises(SpoolFailed):
            second.get(record)


def test_nothing_can_be_read_or_written_after_the_end(spool, tmp_path):
    record = spool.put("block", b"data")
    spool.close()
    spool.close()
    with pytest.raises(SpoolFailed):
        spool.get(record)


def test_a_folder_closes_all_that_it_made(tmp_path):
    folder = SpoolFolder(tmp_path, SeededRandomness())
    made = [folder.spool(), folder.spool()]
    records = [spool.put("block", b"data") for spool in made]
    folder.close()
    for spool, record in zip(made, records, strict=True):
        with pytest.raises(SpoolFailed):
            spool.get(record)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(SpoolFailed, match="can't be made: No such file"):
        Spool(tmp_path / "nowhere", SeededRandomness())


@pytest.mark.skipif(not FULL.exists(), reason="Linux")
def test_a_disk_that_is_full(spool):
    spool._file.close()
    spool._file = FULL.open("wb", buffering=0)
    with pytest.raises(SpoolFailed, match="can't be written"):
        spool.put("block", b"data")


def test_a_record_that_is_too_long(spool, monkeypatch):
    monkeypatch.setattr(limits, "MAX_SPOOL_RECORD_BYTES", 3)
    with pytest.raises(LimitExceeded, match="MAX_SPOOL_RECORD_BYTES"):
        spool.put("block", b"data")
