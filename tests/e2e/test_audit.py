"""The logs of real processes: complete, bound to each other, and worth something to an auditor."""

import pytest
from fakes import fair

from confide.audit.chain import read_chain
from confide.audit.entry import Moment, Operation
from confide.audit.verify import unfinished

pytestmark = pytest.mark.e2e

LOG = "audit.jsonl"
OWNERS = ("shop", "media", "cloud")


@pytest.fixture(scope="module")
def task(site):
    """One training with a prediction after it."""
    site.write("shop", "audited.toml", fair.task("media"))
    site.write("shop", "audited-later.toml", fair.prediction())
    outcome = site.confide("shop", "task", "train", "audited.toml", "--then", "audited-later.toml").result
    site.media.wait_for("ended", outcome["task"])
    return outcome


def entries_of(site, owner, task):
    chain = read_chain(site.base / owner / LOG)
    chain.require_whole()
    return [entry for entry in chain.entries if entry.task == task["task"]]


def test_every_operation_is_logged_before_and_after(site, task):
    told = {owner: entries_of(site, owner, task) for owner in OWNERS}
    both = {"attest", "agree", "upload", "open", "join", "train", "predict", "countersign", "release"}
    both |= {"destroy", "head"}
    assert {str(entry.operation) for entry in told["shop"]} == both | {"create", "propose", "receive"}
    assert {str(entry.operation) for entry in told["media"]} == both | {"consent"}
    assert {"create", "launch", "report", "head", "destroy"} == {
        str(entry.operation) for entry in told["cloud"]
    }
    for owner in OWNERS:
        assert unfinished(told[owner]) == []
        assert {entry.outcome for entry in told[owner] if entry.moment is Moment.AFTER} == {"done"}


def test_they_name_what_it_was_done_on(site, task):
    train, predict = task["rounds"]
    for owner in ("shop", "media"):
        uploads = [e for e in entries_of(site, owner, task) if e.operation is Operation.UPLOAD]
        assert [entry.agreement for entry in uploads] == [train["block"]] * 2 + [predict["block"]] * 2
        assert uploads[0].object.rows == train["rows"][owner]["sent"]
        released = [e.object.digest for e in entries_of(site, owner, task) if e.operation == "release"]
        assert released == [train["result"], predict["result"]]


def test_each_log_is_bound_by_the_others(site, task):
    for owner in OWNERS:
        others = [
            argument for other in OWNERS if other != owner for argument in ("--against", f"../{other}/{LOG}")
        ]
        found = site.confide(owner, "audit", "verify", LOG, *others, "--ca", "../ca/ca.pem").result
        assert found["witnesses"] >= 2
        last = max(entry.number for entry in entries_of(site, owner, task) if entry.operation != "head")
        if owner != "cloud":
            assert found["covered"] >= last


def test_an_owner_that_cuts_its_log_is_found(site, task):
    whole = (site.base / "shop" / LOG).read_bytes().splitlines(keepends=True)
    (site.base / "shop" / "cut.jsonl").write_bytes(b"".join(whole[:-6]))
    error = site.confide("shop", "audit", "verify", "cut.jsonl", "--against", f"../cloud/{LOG}").error
    assert (error["code"], error["blame"]) == ("CFD-453", "shop")
    assert "is missing" in error["message"]


def test_an_auditor_gets_one_file(site, task):
    exported = site.confide("media", "audit", "export", "--out", "for-auditor.jsonl").result
    assert exported["log"] == "urn:confide:party:media"
    auditor = site.folder("auditor")
    verified = site.confide(
        "auditor",
        "audit",
        "verify",
        str(site.base / "media" / "for-auditor.jsonl"),
        "--against",
        str(site.base / "cloud" / LOG),
        "--of",
        "party:media",
        "--ca",
        "../ca/ca.pem",
    ).result
    assert (verified["owner"], verified["entries"]) == (exported["log"], exported["entries"])
    assert list(auditor.glob("*.jsonl")) == []


def test_a_table_of_one_task(site, task, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    shown = site.confide("media", "audit", "show", "--task", task["task"]).result
    assert {entry["task"] for entry in shown["entries"]} == {task["task"]}
    text = site.start("media", "confide", "audit", "show", "--task", task["task"]).wait()
    assert "enclave as told to media" in " ".join(text.out.split())
    text = site.start("shop", "confide", "audit", "verify", "--against", f"../cloud/{LOG}").wait()
    assert "urn:confide:party:shop: nothing altered, nothing missing" in " ".join(text.out.split())


def test_a_refusal_is_logged_by_both(site, task):
    site.write("shop", "refused.toml", fair.task("media", purpose="something else"))
    refused = site.confide("shop", "task", "train", "refused.toml").error
    assert refused["code"] == "CFD-111"
    last = {
        owner: [e for e in read_chain(site.base / owner / LOG).entries if e.operation == operation][-1]
        for owner, operation in (("shop", "propose"), ("media", "consent"))
    }
    site.media.wait_for("ended", last["media"].task)
    assert last["media"].outcome == "refused"
    assert [e.outcome for e in read_chain(site.base / "shop" / LOG).entries if e.operation == "upload"][
        -1
    ] == "done"


def test_preparing_is_logged_where_there_is_no_identity_yet(site, task):
    rows = list(fair.rows_of(fair.identifiers(40), seed=3))
    folder = site.folder("newcomer")
    fair.prepare_for(folder, "news", rows, name="first")
    first = ("data", "prepare", "first.csv", "--schema", "first.schema.toml", "--out", "again")
    assert site.confide("newcomer", *first).result["manifest"]["rows"] == 40
    failed = site.confide("newcomer", *first[:2], "absent.csv", *first[3:]).error
    begin, *entries = read_chain(folder / LOG).entries
    assert (begin.actor, begin.log) == ("owner", "")
    assert [entry.outcome for entry in entries] == [None, "done", None, failed["code"]]
    assert entries[1].object.rows == 40
