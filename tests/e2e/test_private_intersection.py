"""Parties with different rows intersect their ids through the host first; real processes, real library."""

import json
import os

import pytest
from fakes import fair
from fakes.intersections import leftovers, mpc_python

pytestmark = pytest.mark.e2e

PURPOSE = "with an intersection"
DATA = {"train": "prepared", "predict": "later"}
COMMON = 1930
"""Of shop's 1950 and media's 1980 rows."""


@pytest.fixture(scope="module")
def parties(site):
    """shop and another media, which allows intersections: its interpreter for them is configured."""
    python = os.path.relpath(mpc_python(), site.base / "shop")
    for name in ("shop", "news"):
        site.configure(name, data=DATA, mpc={"python": python})
    telling = [row | {"region": row["interest"]} for row in fair.rows_of(fair.identifiers(2_000), seed=1)]
    fair.prepare_for(site.folder("news"), "news", telling[:-20][::-1], name="telling")
    rule = fair.allow("news", "train", membership=True, minimum_intersection=100, data="telling")
    predict = fair.allow("news", "predict", membership=True)
    site.write("news", "consent-psi.toml", {"allow": [rule, predict]})
    news = site.provide("news", "--consent", "consent-psi.toml")
    yield news
    news.end()
    for name in ("shop", "news"):
        site.configure(name, data=DATA)


def task(**alignment):
    return fair.task("news") | {"alignment": {"minimum_size": 100, "block_rows": 500, **alignment}}


@pytest.fixture(scope="module")
def outcome(site, parties):
    site.write("shop", "psi.toml", task())
    site.write("shop", "psi-later.toml", fair.prediction() | {"alignment": {"block_rows": 64}})
    done = site.confide("shop", "task", "train", "psi.toml", "--then", "psi-later.toml").result
    parties.wait_for("ended", done["task"])
    return done


def test_only_the_intersection_is_uploaded(outcome):
    train, predict = outcome["rounds"]
    for done, rows in ((train, COMMON), (predict, 200)):
        for counted in done["rows"].values():
            assert (counted["sent"], counted["joined"], counted["unmatched"]) == (rows, rows, 0)


def test_rows_of_the_same_id_were_trained_on_together(outcome):
    """Only together do the two columns tell anything of a click."""
    joint, alone = outcome["metrics"]["joint"], outcome["metrics"]["initiator"]
    assert joint["auc"] > alone["auc"] + 0.1


def test_both_are_told_and_log_it(site, parties, outcome):
    told = parties.wait_for("intersected", outcome["task"])
    assert told["common"] == COMMON
    for owner in ("shop", "news"):
        log = (site.base / owner / "audit.jsonl").read_text()
        assert '"operation":"intersect"' in log
        assert f'"rows":{COMMON}' in log
    lines = [json.loads(line) for line in (site.base / "cloud" / "audit.jsonl").read_text().splitlines()]
    relayed = [line for line in lines if line["operation"] == "relay" and line["moment"] == "after"]
    assert {line["actor"] for line in relayed} == {"shop", "news"}
    assert all(line["object"]["bytes"] > 10_000 for line in relayed)


def test_nothing_is_left_behind(site, outcome):
    for owner in ("shop", "news"):
        tasks = site.base / owner / "tasks"
        assert not (tasks / ".intersect").exists()
        assert not list((tasks / outcome["task"]).glob("*.arrows"))
    assert leftovers(site.folder("nobody")) == []


def test_a_policy_that_does_not_allow_it_declines(site):
    """media's policy says nothing of intersections."""
    site.write("shop", "refused.toml", fair.task("media") | {"alignment": {"minimum_size": 100}})
    assert site.confide("shop", "task", "train", "refused.toml").error["code"] == "CFD-111"


@pytest.mark.usefixtures("parties")
def test_too_small_an_intersection_ends_the_task(site):
    site.write("shop", "small.toml", task(minimum_size=COMMON + 1))
    error = site.confide("shop", "task", "train", "small.toml").error
    assert error["code"] == "CFD-612"
    assert str(COMMON) not in error["message"].replace(str(COMMON + 1), "")


@pytest.mark.usefixtures("parties")
def test_only_the_initiator_learns_who_is_in_common(site):
    site.write("shop", "one.toml", task(membership="initiator", protocol="ecdh"))
    done = site.confide("shop", "task", "train", "one.toml").result
    rows = done["rounds"][0]["rows"]
    assert (rows["shop"]["sent"], rows["shop"]["unmatched"]) == (COMMON, 0)
    assert (rows["news"]["sent"], rows["news"]["unmatched"]) == (1980, 50)


def test_without_the_library_it_is_said_at_once(site):
    """Before a task is created, and in words."""
    site.configure("shop", data=DATA)
    site.write("shop", "psi.toml", task())
    error = site.confide("shop", "task", "train", "psi.toml").error
    assert error["code"] == "CFD-604"
    assert "spu" in error["message"]
