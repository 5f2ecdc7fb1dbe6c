"""Threat: the host owns the disk on which an enclave keeps what does not fit into its memory. It reads the
file, alters it, moves records to other places, cuts it off, or brings back an older state of it.

Measure: records are sealed under a key that exists in the enclave only, with number and purpose bound; their
tags stay in memory; no record is ever written twice, so that there is no older one.
"""

import dataclasses
import os

import pytest
from fakes.mischief import flipped
from fakes.outcomes import completed
from fakes.ports import SeededRandomness
from fakes.shop import world
from fakes.spooling import run_out_of_core

from confide.core.errors import SpoolFailed
from confide.enclave.storage.spool import Spool

ROWS = [b"canary-of-shop-%06d" % number * 40 for number in range(3)]


class Disk:
    """What the host can do with the file."""

    def __init__(self, spool):
        self.number = spool._file.fileno()

    def read(self):
        return os.pread(self.number, os.fstat(self.number).st_size, 0)

    def write(self, data, at=0):
        os.pwrite(self.number, data, at)

    def replace(self, data):
        os.ftruncate(self.number, 0)
        self.write(data)


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path, SeededRandomness())
    yield spool
    spool.close()


@pytest.fixture
def records(spool):
    return [spool.put("block", rows) for rows in ROWS]


@pytest.fixture
def disk(spool):
    return Disk(spool)


def refused(spool, record):
    with pytest.raises(SpoolFailed) as caught:
        spool.get(record)
    assert "canary" not in str(caught.value)


def test_nothing_is_in_clear(records, spool, disk):
    assert [spool.get(record) for record in records] == ROWS
    assert len(disk.read()) == sum(map(len, ROWS))
    assert b"canary" not in disk.read()


@pytest.mark.parametrize("at", [0, 1])
def test_altered(records, spool, disk, at):
    record = records[at]
    disk.write(flipped(disk.read()[record.start :][: record.length]), record.start)
    refused(spool, record)
    assert spool.get(records[2]) == ROWS[2]


def test_swapped(records, spool, disk):
    first, second = records[:2]
    content = disk.read()
    disk.write(content[second.start :][: second.length], first.start)
    disk.write(content[first.start :][: first.length], second.start)
    refused(spool, first)
    refused(spool, second)


def test_a_copy_in_the_place_of_another(records, spool):
    """Even with the tag of the other: number and purpose are bound."""
    first, second = records[:2]
    place = {"start": second.start, "tag": second.tag}
    refused(spool, dataclasses.replace(first, **place))
    refused(spool, dataclasses.replace(second, purpose="piece"))


def test_cut_off(records, spool, disk):
    disk.replace(disk.read()[: records[1].start + 5])
    assert spool.get(records[0]) == ROWS[0]
    refused(spool, records[1])
    refused(spool, records[2])


def test_rolled_back(spool, disk):
    spool.put("piece", ROWS[0])
    before = disk.read()
    later = spool.put("piece", ROWS[1])
    disk.replace(before + before)
    refused(spool, later)


def test_no_block_and_no_encoded_row_of_a_round_is_on_disk_in_clear(tmp_path, monkeypatch):
    """All that a whole round has written, as it is when the round ends."""
    written, plain = [], []
    put, close = Spool.put, Spool.close

    def noted(spool, purpose, data):
        plain.append((purpose, bytes(data)))
        return put(spool, purpose, data)

    def looked_at(spool):
        if not spool._file.closed:
            written.append(Disk(spool).read())
        close(spool)

    monkeypatch.setattr(Spool, "put", noted)
    monkeypatch.setattr(Spool, "close", looked_at)
    ran = world()
    run_out_of_core(ran, tmp_path, 20)
    completed(ran)
    assert {purpose for purpose, _ in plain} == {"block", "piece"}
    assert sum(map(len, written)) == sum(len(data) for _, data in plain)
    everything = b"".join(written)
    for _, data in plain:
        for start in range(0, len(data) - 16, 16):
            assert data[start : start + 16] not in everything


def test_the_file_of_another_enclave(records, spool, disk, tmp_path):
    with Spool(tmp_path, SeededRandomness("another")) as other:
        for rows in ROWS:
            other.put("block", rows)
        disk.replace(Disk(other).read())
    for record in records:
        refused(spool, record)
