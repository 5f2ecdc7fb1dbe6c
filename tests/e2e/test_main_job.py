"""The main job with real processes: agreed, attested, trained, predicted, released to A alone, gone."""

import json

import pytest
from fakes import fair
from fakes.site import alive, children_of, until

pytestmark = pytest.mark.e2e

MODEL, PREDICTIONS, RECEIPT = "model.confide", "predictions.csv", "receipt.json"


@pytest.fixture(scope="session")
def job(site):
    """`confide task train train.toml --then later.toml`, and what was seen of the enclave meanwhile."""
    site.write("shop", "train.toml", fair.task("media"))
    site.write("shop", "later.toml", fair.prediction())
    arguments = ("task", "train", "train.toml", "--then", "later.toml", "--format", "json")
    running = site.start("shop", "confide", *arguments)
    enclaves = until(lambda: children_of(site.host.process.pid), "enclave process")
    outcome = running.wait().result
    site.media.wait_for("ended", outcome["task"])
    return outcome, enclaves


@pytest.fixture(scope="session")
def outcome(job):
    return job[0]


def counts(done, party):
    return tuple(done["rows"][party][name] for name in ("sent", "joined", "unmatched", "quarantined"))


def files_of(site, owner, outcome):
    return {path.name for path in (site.base / owner / "tasks" / outcome["task"]).iterdir()}


def verified(site, owner, outcome):
    receipt = f"tasks/{outcome['task']}/{RECEIPT}"
    return site.confide(owner, "receipt", "verify", receipt).result


def test_the_outcome_tells_what_was_done(site, outcome):
    train, predict = outcome["rounds"]
    assert (train["kind"], predict["kind"]) == ("train", "predict")
    assert train["signers"] == predict["signers"] == ["media", "shop", "enclave"]
    for done in outcome["rounds"]:
        for rows in done["rows"].values():
            assert rows["sent"] == rows["joined"] + rows["unmatched"] + rows["quarantined"]
    assert counts(train, "shop") == (1950, 1930, 20, 0)
    assert counts(train, "media") == (1980, 1930, 50, 0)
    assert counts(predict, "shop") == counts(predict, "media") == (200, 200, 0, 0)
    joint, alone = outcome["metrics"]["joint"], outcome["metrics"]["initiator"]
    assert joint["rows_held_out"] == alone["rows_held_out"] == 386
    assert joint["auc"] > alone["auc"] + 0.1
    assert len(outcome["curve"]) == 2
    folder = site.base / "shop" / "tasks" / outcome["task"]
    paths = [outcome[name] for name in ("folder", "model", "predictions", "receipt")]
    assert paths == [str(folder), *(str(folder / name) for name in (MODEL, PREDICTIONS, RECEIPT))]
    assert len((folder / PREDICTIONS).read_text().splitlines()) == 201


def test_only_the_initiator_has_model_and_predictions(site, outcome):
    both = {"events.jsonl", "train-block.json", "predict-block.json", RECEIPT}
    own = {MODEL, f"{MODEL}.signature.json", PREDICTIONS, f"{PREDICTIONS}.signature.json", "report.json"}
    own.add("pictures.html")
    assert files_of(site, "shop", outcome) == both | own
    assert files_of(site, "media", outcome) == both


def test_the_receipt_verifies_at_both(site, outcome):
    shop, media = verified(site, "shop", outcome), verified(site, "media", outcome)
    assert len(shop["private"]) == 2
    assert shop["private"][0]["metrics"] == outcome["metrics"]
    assert media["private"] == []
    for own in (shop, media):
        del own["private"]
    assert shop == media
    assert shop["participants"] == ["media", "shop"]
    assert shop["claims"]["simulated"] is True
    assert shop["host_end"]["exit_code"] == 0
    assert shop["host_end"]["receipt_digest"] == shop["receipt_digest"]
    assert len(shop["steps"]) == 5
    assert not any("NOT" in step for step in shop["steps"])


def test_an_altered_receipt_is_refused(site, outcome):
    receipt = site.base / "media" / "tasks" / outcome["task"] / RECEIPT
    altered = site.write("media", "altered.json", receipt.read_text().replace('"sent":1950', '"sent":1951'))
    assert site.confide("media", "receipt", "verify", altered.name).error["code"] == "CFD-452"


def test_the_enclave_is_gone(site, job):
    outcome, enclaves = job
    assert enclaves
    assert not any(alive(pid) for pid in enclaves)
    status = site.confide("shop", "task", "show", outcome["task"]).result
    assert (status["state"], status["outcome"], status["exit_code"]) == ("ended", "completed", 0)


def test_both_see_the_task_and_their_own_record_of_it(site, outcome):
    for owner in ("shop", "media"):
        listed = site.confide(owner, "task", "list").result["tasks"]
        assert outcome["task"] in [entry["task"] for entry in listed]
        shown = site.confide(owner, "task", "show", outcome["task"]).result
        assert shown["name"] == "clicks"
        assert shown["events"][-1]["message"] == "acknowledge"
        assert shown["events"][-1]["state"] == "closed"
    assert outcome["task"] not in json.dumps(site.confide("news", "task", "list").result)
    assert site.confide("news", "task", "show", outcome["task"]).error["code"] == "CFD-503"


def test_the_model_can_be_shown_and_used_without_a_platform(site, outcome):
    shown = site.confide("shop", "model", "show", outcome["model"]).result
    assert shown["sha384"] == outcome["rounds"][0]["result"]
    assert shown["features"] == {"shop": ["category", "bid"], "media": ["interest", "dwell"]}
    out = site.base / "shop" / "plain.csv"
    both = ("--data", "later", "--data", str(site.base / "media" / "later"))
    done = site.confide("shop", "model", "predict", outcome["model"], *both, "--out", str(out)).result
    assert (done["rows"], done["absent_columns"]) == (200, [])
    predictions = site.base / "shop" / "tasks" / outcome["task"] / PREDICTIONS
    assert out.read_bytes() == predictions.read_bytes()


def test_a_fresh_enclave_predicts_the_same(site, outcome):
    site.write("shop", "again.toml", fair.prediction(model=outcome["model"]))
    again = site.confide("shop", "task", "predict", "again.toml").result
    assert again["task"] != outcome["task"]
    assert again["model"] is None
    first, second = (site.base / "shop" / "tasks" / done["task"] / PREDICTIONS for done in (outcome, again))
    assert first.read_bytes() == second.read_bytes()
    assert verified(site, "shop", again)["rounds"][0]["kind"] == "predict"


def test_two_providers(site):
    site.write("shop", "three.toml", fair.task("media", "news"))
    news = site.provide("news", "--consent", "consent.toml", "--tasks", "1")
    outcome = site.confide("shop", "task", "train", "three.toml").result
    assert news.wait().code == 0
    (done,) = outcome["rounds"]
    assert done["signers"] == ["media", "news", "shop", "enclave"]
    assert {party: rows["joined"] for party, rows in done["rows"].items()} == dict.fromkeys(fair.OWNERS, 1930)
    site.media.wait_for("ended", outcome["task"])
    for owner in fair.OWNERS:
        assert verified(site, owner, outcome)["participants"] == ["media", "news", "shop"]
        assert (MODEL in files_of(site, owner, outcome)) is (owner == "shop")
