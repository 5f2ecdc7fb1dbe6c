"""The host is killed and started again: between tasks nothing is lost, one under way goes on."""

import pytest
from fakes import fair
from fakes.site import KILL, alive, children_of, until

pytestmark = pytest.mark.e2e


def train(site, *providers):
    """Start a training at the shop, in the background."""
    site.write("shop", "restart.toml", fair.task(*providers))
    return site.start("shop", "confide", "task", "train", "restart.toml", "--format", "json")


def kill_host(site):
    done = site.host.send(KILL).wait()
    assert done.code == -KILL


def test_between_tasks_nothing_is_lost(site):
    before = train(site, "media").wait().result
    kill_host(site)
    assert site.serve()["recovered"] == 0
    after = train(site, "media").wait().result
    for owner in ("shop", "media"):
        listed = {entry["task"]: entry for entry in site.confide(owner, "task", "list").result["tasks"]}
        assert listed[before["task"]]["outcome"] == listed[after["task"]]["outcome"] == "completed"
    site.media.wait_for("ended", after["task"])
    receipt = f"tasks/{before['task']}/receipt.json"
    assert "signed that the enclave's process has ended" in str(
        site.confide("media", "receipt", "verify", receipt).result["steps"]
    )


def test_a_task_under_way_gets_a_fresh_enclave_of_the_next_host(site):
    waiting = train(site, "media", "absent")  # nobody is called absent: the task waits
    with site.client("shop") as client:
        status = until(
            lambda: next((found for found in client.list_tasks() if found.waiting_for == ("absent",)), None),
            "task that waits for the absent provider",
        )
    assert status.waiting_what == ("not joined",)
    enclaves = children_of(site.host.process.pid)
    assert enclaves
    kill_host(site)
    assert site.serve(idle_seconds=12)["recovered"] == 1
    until(lambda: not any(map(alive, enclaves)), "end of the enclave")
    with site.client("shop") as client:
        until(lambda: client.get_task(status.id).waiting_for == ("absent",), "task that waits again")
    assert site.confide("shop", "task", "cancel", status.id).code == 0
    assert waiting.wait().error["code"] in {"CFD-118", "CFD-505"}
    assert site.media.wait_for("ended", status.id)["code"] in {"CFD-118", "CFD-505"}
    assert not (site.base / "shop" / "tasks" / status.id / "receipt.json").exists()
