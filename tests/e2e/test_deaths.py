"""Processes are killed in the middle of a task: its enclave, the host, a party. The task ends well."""

import os

import pytest
from fakes import fair
from fakes.intersections import mpc_python
from fakes.site import KILL, Site, children_of, until
from fakes.tunnels import free_port

from confide.app.party import LOCKS
from confide.core import limits
from confide.core.errors import Fault
from confide.storage.lock import FileLock

pytestmark = pytest.mark.e2e

ROWS, BLOCK_ROWS, EPOCHS = 4_000, 200, 60


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("deaths"))
    try:
        store = str(site.folder("store").resolve())
        site.command = [*site.loader, "--", "--store", store, "--checkpoint-seconds", "1"]
        site.begin(idle_seconds=30, command=site.command)
        for name in ("shop", "media"):
            site.join(name)
        rows = list(fair.rows_of(fair.identifiers(ROWS), seed=1))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(limits, "BLOCK_ROWS", BLOCK_ROWS)
            for name in ("shop", "media"):
                fair.prepare_for(site.folder(name), name, rows, labelled=name == "shop")
        site.write("media", "consent.toml", {"allow": [fair.allow("media", "train")]})
        algorithm = {"name": "fm", "parameters": {"epochs": EPOCHS, "embedding_size": 8}}
        site.write("shop", "train.toml", fair.task("media", algorithm=algorithm))
        yield site
    finally:
        site.end()


def start(site):
    """Until the enclave trains."""
    provider = site.provide("media", "--consent", "consent.toml", "--tasks", "1")
    shop = site.start("shop", "confide", "task", "train", "train.toml", "--format", "json")
    with site.client("shop") as client:
        status = until(
            lambda: next((found for found in client.list_tasks() if found.phase == "working"), None), "work"
        )
    return provider, shop, status.id


def check_outcome(site, outcome, provider):
    assert outcome["model"]
    (done,) = outcome["rounds"]
    assert done["rows"]["shop"]["joined"] == ROWS
    verified = site.confide("shop", "receipt", "verify", f"tasks/{outcome['task']}/receipt.json")
    assert verified.code == 0
    assert provider.wait().code == 0
    for name in ("shop", "media"):
        assert not (site.base / name / "tasks" / outcome["task"] / "journal.sealed").exists()


def enclave_of(site):
    (enclave,) = children_of(site.host.process.pid)
    return enclave


def test_the_enclave_is_killed(site):
    provider, shop, task = start(site)
    os.killpg(enclave_of(site), KILL)
    outcome = shop.wait().result
    assert outcome["task"] == task
    check_outcome(site, outcome, provider)
    shown = site.confide("shop", "task", "show", task).result
    assert shown["generation"] == 1
    said = [event["message"] for event in shown["events"] if event["way"] == "said"]
    assert said.count("opening") == 2
    assert said.count("data-block") == ROWS // BLOCK_ROWS, "what was stored is not sent again"
    assert not list((site.base / "store").iterdir())


def test_the_host_is_killed(site):
    provider, shop, _ = start(site)
    site.host.send(KILL).wait()
    assert site.serve(idle_seconds=30, command=site.command)["recovered"] == 1
    check_outcome(site, shop.wait().result, provider)


def test_the_provider_is_killed(site):
    provider, shop, _ = start(site)
    provider.send(KILL).wait()
    provider = site.provide("media", "--consent", "consent.toml", "--tasks", "1")
    check_outcome(site, shop.wait().result, provider)


def test_the_initiator_is_killed(site):
    provider, shop, task = start(site)
    shop.send(KILL).wait()
    second = site.provide("media", "--consent", "consent.toml")
    assert f"at work on task {task}" in second.wait_for("in-use", task)["reason"]
    # As if another process of ours went on with it. That of the killed one is gone with it.
    another = FileLock(site.base / "shop" / "tasks" / LOCKS / task, AssertionError("still held"))
    error = site.confide("shop", "task", "resume", task).error
    assert (error["code"], error["exit_code"], error["fault"]) == ("CFD-524", 50, Fault.YOU)
    another.release()
    outcome = site.confide("shop", "task", "resume", task).result
    check_outcome(site, outcome, provider)
    assert [event["event"] for event in second.events] == ["ready", "in-use"]
    second.end()
    for name in ("shop", "media"):
        assert not list((site.base / name / "tasks" / LOCKS).iterdir())


@pytest.fixture
def three(site):
    """shop, media and news with different rows, which intersect; news meets shop directly."""
    python, address = mpc_python(), f"127.0.0.1:{free_port()}"
    ways = {"shop": {"news": {"address": address}}, "news": {"shop": {"listen": address}}, "media": {}}
    rows = list(fair.rows_of(fair.identifiers(ROWS), seed=1))
    own = {"shop": rows[300:], "media": rows[:-200][::-1], "news": rows[:-100]}
    site.join("news")
    for name, brought in own.items():
        mpc = {"python": os.path.relpath(python, site.base / name), "direct": ways[name]}
        site.configure(name, data={"train": "different"}, mpc=mpc)
        fair.prepare_for(site.folder(name), name, brought, name="different", labelled=name == "shop")
    for name in ("media", "news"):
        site.write(name, "psi.toml", {"allow": [fair.allow(name, "train", membership=True)]})
    algorithm = {"name": "fm", "parameters": {"epochs": EPOCHS, "embedding_size": 8}}
    terms = {"minimum_size": 100, "block_rows": BLOCK_ROWS}
    task = fair.task("media", "news", algorithm=algorithm, dataset="different", alignment=terms)
    site.write("shop", "psi.toml", task)


@pytest.mark.usefixtures("three")
def test_parties_are_killed_after_an_intersection_of_three(site):
    """What is common is written down: nobody intersects again."""
    serve = ("--consent", "psi.toml", "--tasks", "1")
    providers = {name: site.provide(name, *serve) for name in ("media", "news")}
    shop = site.start("shop", "confide", "task", "train", "psi.toml", "--format", "json")
    with site.client("shop") as client:
        status = until(
            lambda: next((found for found in client.list_tasks() if found.phase == "working"), None), "work"
        )
    for killed in (providers["media"], shop):
        killed.send(KILL).wait()
    providers["media"] = site.provide("media", *serve)
    outcome = site.confide("shop", "task", "resume", status.id).result
    assert {rows["sent"] for rows in outcome["rounds"][0]["rows"].values()} == {ROWS - 500}
    for provider in providers.values():
        assert provider.wait().code == 0
    for name in ("shop", *providers):
        assert not list((site.base / name / "tasks" / status.id).glob("*.sealed"))
        log = (site.base / name / "audit.jsonl").read_text()
        assert log.count('"operation":"intersect"') == 2, "before and after, once"
