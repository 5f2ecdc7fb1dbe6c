"""T-18: an owner alters its own audit log; what others hold of its heads proves it, and where.

Each attack is made twice: plainly, so that the chain shows it by itself, and by a forger who makes numbers,
digests and chain fit again. The forger can't sign for the others, and its own signature lies at their place.
"""

import dataclasses

import pytest
from fakes.logbook import TASK, Owners, chained_anew, event

from confide.audit.entry import HeadDocument, Operation
from confide.core.errors import AuditInvalid

OWNERS = ("shop", "cloud")


@pytest.fixture
def owners(tmp_path):
    """shop and cloud have exchanged heads twice, over work of both."""
    owners = Owners(tmp_path)
    for _ in range(2):
        owners.shop.work()
        owners.cloud.work()
        owners.exchange(owners.shop, owners.cloud)
    return owners


@pytest.fixture(params=OWNERS)
def pair(request, owners):
    """(who alters its log, who holds its heads)."""
    forger = getattr(owners, request.param)
    other = owners.cloud if forger is owners.shop else owners.shop
    owners.verify(forger, other)
    return forger, other


def delete(lines):
    return [*lines[:3], *lines[4:]]


def alter(lines):
    return [
        *lines[:3],
        lines[3].replace(b'"rows":0', b'"rows":9').replace(b'"upload"', b'"attest"'),
        *lines[4:],
    ]


def reorder(lines):
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


def insert(lines):
    return [*lines[:4], lines[3], *lines[4:]]


ATTACKS = (delete, alter, reorder, insert)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_chain_itself_names_the_line(pair, owners, attack):
    forger, _ = pair
    forger.rewrite(attack(forger.lines()))
    with pytest.raises(AuditInvalid, match=r"line [45] "):
        owners.verify(forger)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_chain_made_anew_is_contradicted_by_the_others(pair, owners, attack):
    forger, other = pair
    forger.rewrite(chained_anew(attack(forger.lines())))
    forger.chain().require_whole()
    with pytest.raises(AuditInvalid, match=r"a line from 1 to \d+ was altered") as found:
        owners.verify(forger, other)
    assert str(other.path) in found.value.message
    assert f"signed by {forger.uri}" in found.value.message
    assert found.value.blame == forger.name


@pytest.mark.parametrize("kept", range(1, 10))
def test_a_tail_that_was_cut_off_is_missed(pair, owners, kept):
    forger, other = pair
    whole = forger.lines()
    covered = owners.verify(forger, other).covered
    assert kept < covered <= len(whole)
    forger.rewrite(whole[:kept])
    with pytest.raises(AuditInvalid, match=rf"line {kept + 1} is missing, and all up to line \d+"):
        owners.verify(forger, other)


def test_only_what_no_head_covers_can_be_cut_off(pair, owners):
    """The limit that spec/audit.md names."""
    forger, other = pair
    covered = owners.verify(forger, other).covered
    forger.rewrite(forger.lines()[:covered])
    assert owners.verify(forger, other).covered == covered


def test_a_tail_that_was_cut_off_and_written_anew_is_found(pair, owners):
    forger, other = pair
    forger.rewrite(forger.lines()[:4])
    forger.log._last = None
    forger.work(10)
    with pytest.raises(AuditInvalid, match=r"a line from 1 to \d+ was altered"):
        owners.verify(forger, other)


def test_a_log_that_was_replaced_altogether_is_found(pair, owners, tmp_path):
    forger, other = pair
    forger.path.unlink()
    forger.log._last = None
    forger.work(12)
    forger.chain().require_whole()
    with pytest.raises(AuditInvalid, match="was altered, and the chain after it written anew"):
        owners.verify(forger, other)


def test_a_forger_can_not_drop_its_own_heads_from_its_log(pair, owners):
    """They are its own signatures: a log that holds one of another history is contradicted by itself."""
    forger, _ = pair
    forger.rewrite(chained_anew(delete(forger.lines())))
    with pytest.raises(AuditInvalid, match=f"signed by {forger.uri}, proves it"):
        owners.verify(forger)


def test_altering_both_logs_does_not_help_against_a_third(owners):
    owners.exchange(owners.shop, owners.media)
    for log in (owners.shop, owners.cloud):
        log.rewrite(chained_anew(delete([line for line in log.lines() if b'"head"' not in line])))
    owners.verify(owners.shop, owners.cloud)
    with pytest.raises(AuditInvalid, match=str(owners.media.path)):
        owners.verify(owners.shop, owners.media)


def test_a_broken_witness_still_proves(owners):
    """cloud damages its own log to spoil the proof: the head in it is shop's signature all the same."""
    owners.shop.rewrite(owners.shop.lines()[:5])
    owners.cloud.rewrite(delete(owners.cloud.lines()))
    with pytest.raises(AuditInvalid, match="line 6 is missing"):
        owners.verify(owners.shop, owners.cloud)


def test_a_forged_head_accuses_nobody(owners):
    """cloud writes a head of shop's log that shop has not signed."""
    real = owners.shop.keeper.make(TASK)
    forged = dataclasses.replace(real, digest="ab" * 48)
    owners.cloud.log.append(event(Operation.HEAD, actor="shop", task=TASK, head=HeadDocument.of(forged)))
    remarks = owners.verify(owners.shop, owners.cloud).remarks
    assert any("cloud.jsonl" in remark and "proves nothing" in remark for remark in remarks)
    with pytest.raises(AuditInvalid, match=r"cloud.jsonl, line \d+: the head of .* is not signed by it"):
        owners.verify(owners.cloud)
