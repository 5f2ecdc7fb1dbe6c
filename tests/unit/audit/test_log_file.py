"""The file: one line per entry, chained, private, on the disk, shared by writers, mended after a crash."""

import json
import subprocess
import sys
import threading

import pytest
from fakes.logbook import event
from fakes.ports import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.audit import log as module
from confide.audit.chain import read_chain
from confide.audit.entry import NOTHING_BEFORE, Object, Operation, chained, decode
from confide.audit.log import AuditLog
from confide.core import limits
from confide.core.errors import AuditInvalid, AuditUnavailable

OWNER = "urn:confide:party:shop"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.jsonl"


@pytest.fixture
def log(path):
    return AuditLog(path, OWNER, FakeClock(), actor="shop")


def entries(path):
    chain = read_chain(path)
    chain.require_whole()
    return chain.entries


def test_the_first_entry_begins_the_log_and_each_holds_the_one_before(log, path):
    log.append(event(object=Object(kind="manifest", rows=5)))
    log.append(event(Operation.ATTEST))
    begin, first, second = entries(path)
    assert (begin.operation, begin.number, begin.previous) == (Operation.BEGIN, 1, NOTHING_BEFORE)
    assert (first.previous, second.previous) == (begin.digest, first.digest)
    assert [entry.log for entry in (begin, first, second)] == [OWNER] * 3
    assert first.object.rows == 5


def test_only_its_owner_may_read_it(log, path):
    log.latest()
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(AuditUnavailable, match="open to other users"):
        log.append(event())


def test_a_link_or_a_pipe_in_its_place_is_refused(path, log, tmp_path):
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuditUnavailable):
        log.append(event())
    assert not (tmp_path / "elsewhere").exists()


def test_without_its_folder_nothing_is_done(tmp_path):
    log = AuditLog(tmp_path / "absent" / "audit.jsonl", OWNER, FakeClock())
    with pytest.raises(AuditUnavailable, match="No such file"):
        log.append(event())


def test_each_entry_is_on_the_disk_when_append_returns(log, monkeypatch):
    synced = []
    real = module.os.fsync
    monkeypatch.setattr(module.os, "fsync", lambda descriptor: (synced.append(1), real(descriptor)))
    log.latest()
    before = len(synced)
    log.append(event())
    assert len(synced) > before


@pytest.mark.parametrize("what", ["names of columns, say: a\nb", "ünï", "x" * 65])
def test_what_is_no_name_does_not_get_in(log, path, what):
    log.latest()
    with pytest.raises(AuditInvalid):
        log.append(event(object=Object(kind="phase", name=what)))
    assert len(entries(path)) == 1


def test_another_writer_is_followed(log, path):
    other = AuditLog(path, OWNER, FakeClock(), actor="shop")
    for writer in (log, other, other, log):
        writer.append(event())
    assert [entry.number for entry in entries(path)] == [1, 2, 3, 4, 5]


def test_writers_do_not_mix(log, path):
    def write():
        for _ in range(20):
            log.append(event())

    threads = [threading.Thread(target=write) for _ in range(4)]
    program = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from pathlib import Path\n"
        "from fakes.logbook import event\nfrom fakes.ports import FakeClock\n"
        "from confide.audit.log import AuditLog\n"
        f"log = AuditLog(Path({str(path)!r}), {OWNER!r}, FakeClock(), actor='shop')\n"
        "for _ in range(20): log.append(event())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process.wait(60) == 0
    assert len(entries(path)) == 1 + 5 * 20


def test_a_writer_that_never_ends_is_not_waited_for_for_ever(log, monkeypatch):
    monkeypatch.setattr(limits, "AUDIT_LOCK_SECONDS", -1)
    with log._locked(), pytest.raises(AuditUnavailable, match="another writer"):
        AuditLog(log.path, OWNER, FakeClock()).append(event())


def test_what_we_wrote_must_still_be_there(log, path):
    for _ in range(3):
        log.append(event())
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(AuditInvalid, match="line 4, which we wrote"):
        log.append(event())


@pytest.mark.parametrize("damage", [b"{}\n", b"\x00\n", b"\n", b"x" * 100_000 + b"\n"])
def test_nothing_is_written_behind_a_line_that_is_no_entry(log, path, damage):
    log.append(event())
    with path.open("ab") as file:
        file.write(damage)
    before = path.read_bytes()
    with pytest.raises(AuditInvalid):
        AuditLog(path, OWNER, FakeClock()).append(event())
    assert path.read_bytes() == before


def test_an_altered_last_line_stops_the_writer(log, path):
    log.append(event())
    path.write_bytes(path.read_bytes().replace(b'"prepare"', b'"predict"'))
    with pytest.raises(AuditInvalid, match="line 2 was altered"):
        AuditLog(path, OWNER, FakeClock()).append(event())


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_crash_at_any_byte_loses_no_complete_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("torn") / "audit.jsonl"
    log = AuditLog(path, OWNER, FakeClock(), actor="shop")
    for _ in range(2):
        log.append(event())
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = whole[:cut].splitlines(keepends=True)
    torn = kept.pop() if kept and not kept[-1].endswith(b"\n") else b""
    AuditLog(path, OWNER, FakeClock(), actor="shop").append(event(Operation.ATTEST))
    after = path.read_bytes()
    assert after.startswith(b"".join(kept))
    found = [entry.operation for entry in entries(path)]
    # A line that lacks nothing but its end is completed; of a shorter one its end is told.
    complete = torn + b"\n" in whole.splitlines(keepends=True)
    assert (Operation.RECOVER in found) == (bool(torn) and not complete)
    assert found[-1] is Operation.ATTEST


def test_what_was_cut_off_is_told(log, path):
    log.append(event())
    with path.open("ab") as file:
        file.write(b'{"actor":"sh')
    log.append(event(Operation.ATTEST))
    recovered = entries(path)[2]
    assert (recovered.operation, recovered.object.bytes) == (Operation.RECOVER, 12)


@given(st.binary(max_size=200))
def test_hostile_lines_raise_one_error(data):
    with pytest.raises(AuditInvalid):
        decode(data)


def test_a_time_that_can_not_be_shown_is_no_entry():
    """Who shows it would be stopped by an error of the calendar's."""
    line = chained(event(), None, log=OWNER, time=limits.LATEST_TIME).line()[:-1]
    assert decode(line).time == limits.LATEST_TIME
    later = line.replace(str(limits.LATEST_TIME).encode(), str(limits.LATEST_TIME + 1).encode())
    with pytest.raises(AuditInvalid, match="time"):
        decode(later)


@settings(deadline=None)
@given(st.data())
def test_an_altered_line_is_never_the_same_entry(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("altered") / "audit.jsonl"
    AuditLog(path, OWNER, FakeClock(), actor="shop").append(event())
    whole = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    chain = read_chain(path)
    assert chain.broken or chain.torn


def test_nothing_but_the_named_fields_is_in_a_line(log, path):
    log.append(event())
    assert set(json.loads(path.read_bytes().splitlines()[0])) == {
        *("format", "number", "time", "log", "actor", "operation", "moment", "outcome"),
        *("task", "agreement", "object", "head", "previous", "digest"),
    }
