"""What verification says of whole logs, of damaged ones, and of exports; what heads it believes."""

import dataclasses

import pytest
from fakes.authority import Authority
from fakes.logbook import TASK, Owners, event

from confide.app.audit import export
from confide.audit.chain import read_chain
from confide.audit.entry import DONE, REFUSED, Entry, Moment, Operation
from confide.audit.heads import HeadKeeper, LatestHeads
from confide.audit.recorder import Recorder
from confide.audit.verify import unfinished, verify
from confide.core import limits
from confide.core.errors import AuditInvalid, ConfigurationError, OfferDeclined


@pytest.fixture
def owners(tmp_path):
    owners = Owners(tmp_path)
    owners.shop.work()
    owners.exchange(owners.shop, owners.cloud)
    owners.shop.work(1)
    return owners


def test_a_whole_log_verifies_against_the_other(owners):
    found = owners.verify(owners.shop, owners.cloud)
    assert (found.owner, found.heads, found.witnesses) == (owners.shop.uri, 1, 1)
    assert found.covered == 7
    assert found.entries == 11
    assert found.remarks == ()


def test_a_log_alone_verifies_too(owners):
    assert owners.verify(owners.shop).covered == 0


def test_another_owners_log_is_told_apart(owners):
    with pytest.raises(AuditInvalid, match=r"is the log of urn:confide:party:shop"):
        verify(owners.shop.chain(), [], owners.authority.ca_pem, owner=owners.media.uri)


def test_without_an_owner_nothing_can_be_held_against_it(tmp_path, owners):
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ConfigurationError, match="--of"):
        verify(read_chain(tmp_path / "empty.jsonl"), [owners.cloud.chain()], owners.authority.ca_pem)


def test_an_empty_log_in_place_of_the_owners_is_found(tmp_path, owners):
    (tmp_path / "empty.jsonl").touch()
    chain = read_chain(tmp_path / "empty.jsonl")
    with pytest.raises(AuditInvalid, match=r"line 1 is missing, and all up to line 7 at least"):
        verify(chain, [owners.cloud.chain()], owners.authority.ca_pem, owner=owners.shop.uri)


def test_entries_of_two_owners_in_one_file_are_refused(owners):
    owners.shop.log.owner = owners.media.uri
    owners.shop.work(1)
    with pytest.raises(AuditInvalid, match="more than one log"):
        owners.verify(owners.shop)


def test_a_log_may_begin_before_its_owner_has_an_identity(owners, tmp_path):
    nobody = owners.owner("late")
    nobody.log.owner = ""
    nobody.work(1)
    nobody.log.owner = nobody.uri
    nobody.work(1)
    assert owners.verify(nobody).owner == nobody.uri


def test_what_a_crash_left_is_a_remark(owners):
    Recorder(owners.shop.log, TASK).before(Operation.TRAIN)
    with owners.shop.path.open("ab") as file:
        file.write(b'{"torn')
    remarks = owners.verify(owners.shop).remarks
    assert any("no end: a crash" in remark for remark in remarks)
    assert any("'train' was begun" in remark for remark in remarks)


def test_an_operation_that_fails_has_its_code(owners):
    recorder = Recorder(owners.media.log, TASK)
    with pytest.raises(OfferDeclined), recorder.doing(Operation.CONSENT):
        raise OfferDeclined("no")
    recorder.before(Operation.UPLOAD)
    recorder.failed("CFD-118")
    recorder.failed("CFD-119")
    codes = [entry.outcome for entry in owners.media.chain().entries]
    assert codes == [DONE, None, "CFD-111", None, "CFD-118"]
    assert unfinished(owners.media.chain().entries) == []


def test_refused_is_an_outcome(owners):
    recorder = Recorder(owners.media.log, TASK)
    recorder.before(Operation.CONSENT)
    recorder.after(Operation.CONSENT, outcome=REFUSED)
    assert owners.media.chain().entries[-1].outcome == REFUSED


@pytest.mark.parametrize(
    "changes",
    [
        {"moment": Moment.BEFORE},
        {"outcome": None},
        {"operation": Operation.HEAD},
        {"outcome": "fine"},
        {"actor": "A B"},
        {"task": "x"},
    ],
)
def test_what_makes_no_sense_is_no_entry(owners, changes):
    with pytest.raises((AuditInvalid, ValueError)):
        owners.shop.log.append(event(**changes))
    owners.verify(owners.shop)


# --- exports ---------------------------------------------------------------------------------------------


def test_an_export_verifies_like_the_log(owners, tmp_path):
    out = tmp_path / "export.jsonl"
    header = export(owners.shop.path, out, b"PEM", owners.clock.now())
    assert (header.entries, header.log) == (11, owners.shop.uri)
    assert out.stat().st_mode & 0o777 == 0o600
    chain = read_chain(out)
    assert chain.header == header
    assert verify(chain, [owners.cloud.chain()], owners.authority.ca_pem).witnesses == 1


def test_an_exports_head_counts_for_another_log(owners, tmp_path):
    out = tmp_path / "export.jsonl"
    export(owners.cloud.path, out, None, 0)
    found = verify(owners.shop.chain(), [read_chain(out)], owners.authority.ca_pem)
    assert found.witnesses == 1


def test_a_cut_export_is_found(owners, tmp_path):
    out = tmp_path / "export.jsonl"
    export(owners.shop.path, out, None, 0)
    out.write_bytes(b"".join(out.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(AuditInvalid, match="other lines than its first line says"):
        read_chain(out).require_whole()


def test_an_export_that_is_cut_anywhere_is_found(owners, tmp_path):
    """Within a line as at its end: a log may end in a line that was being written, an export may not."""
    out, cut = tmp_path / "export.jsonl", tmp_path / "cut.jsonl"
    export(owners.shop.path, out, None, 0)
    whole = out.read_bytes()
    header = whole.index(b"\n") + 1
    for length in range(header, len(whole), 7):
        cut.write_bytes(whole[:length])
        with pytest.raises(AuditInvalid):
            read_chain(cut).require_whole()


def test_nothing_is_overwritten_and_no_broken_log_exported(owners, tmp_path):
    with pytest.raises(ConfigurationError, match="exists"):
        export(owners.shop.path, owners.cloud.path, None, 0)
    owners.shop.rewrite(owners.shop.lines()[1:])
    with pytest.raises(AuditInvalid, match="line 1 is missing"):
        export(owners.shop.path, tmp_path / "export.jsonl", None, 0)
    assert not (tmp_path / "export.jsonl").exists()


# --- heads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 2},
        {"digest": "ab" * 48},
        {"time": 1},
        {"log": "urn:confide:party:media"},
        {"log": "urn:confide:platform:shop"},
        {"signature": b""},
        {"certificate": ""},
        {"task": "f" * 32},
        {"number": -1},
        {"digest": "short"},
    ],
)
def test_an_altered_head_is_refused(owners, changes):
    head = dataclasses.replace(owners.shop.keeper.make(TASK), **changes)
    with pytest.raises(AuditInvalid):
        owners.cloud.keeper.check(head, task=TASK)


def test_a_head_under_another_ca_is_refused(owners):
    strangers = dataclasses.replace(
        owners.shop.keeper, certificate_pem=Authority("other").party("shop").certificate_pem.decode()
    )
    with pytest.raises(AuditInvalid):
        owners.cloud.keeper.check(strangers.make(TASK), task=TASK)


def test_a_head_by_another_party_is_refused(owners):
    """media signs, under its own certificate, a head that names shop's log."""
    keeper = HeadKeeper(
        log=owners.shop.log,
        signer=owners.media.keeper.signer,
        certificate_pem=owners.media.keeper.certificate_pem,
        ca_pem=owners.authority.ca_pem,
        clock=owners.clock,
    )
    with pytest.raises(AuditInvalid, match="is signed by media"):
        owners.cloud.keeper.check(keeper.make(TASK), task=TASK)


def test_the_newest_head_of_each_log_is_handed_on(owners, monkeypatch):
    monkeypatch.setattr(limits, "MAX_AUDITED_TASKS", 1)
    latest = LatestHeads()
    first, second = owners.shop.keeper.make(TASK), owners.shop.keeper.make(TASK)
    media = owners.media.keeper.make(TASK)
    ours = owners.cloud.keeper.make(TASK)
    for head in (first, second):
        latest.put(head, ours)
    assert latest.others(second) == ()
    assert latest.others(media) == (second,)
    latest.put(dataclasses.replace(media, task="f" * 32), ours)
    assert latest.others(media) == ()


def test_a_head_that_is_no_newer_is_known(owners):
    latest = LatestHeads()
    first, second = owners.shop.keeper.make(TASK), owners.shop.keeper.make(TASK)
    ours, media = owners.cloud.keeper.make(TASK), owners.media.keeper.make(TASK)
    assert latest.answer_to(first) is None
    latest.put(first, ours)
    assert latest.answer_to(first) == ours
    for newer in (second, media, dataclasses.replace(first, task="f" * 32)):
        assert latest.answer_to(newer) is None


def test_entries_show_no_more_than_they_hold(owners):
    assert all(isinstance(entry, Entry) for entry in owners.shop.chain().entries)
