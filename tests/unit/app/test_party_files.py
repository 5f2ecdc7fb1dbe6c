"""confide.toml, a task's folder, models at their owner, and bounded reading."""

import io
import os
import stat
import threading
from types import SimpleNamespace

import pytest
from fakes.ports import FakeClock
from fakes.world import train_task
from msgspec.structs import replace
from rich.console import Console

from confide.app import initiate
from confide.app.files import read_bounded
from confide.app.initiate import training_jobs
from confide.app.models import OpenedModel, papers_path
from confide.app.party_config import load_config
from confide.app.plain_prediction import predict
from confide.app.records import TaskFolder, read_events
from confide.attestation.policy import UnsafeAnyMeasurement
from confide.attestation.roots import TrustRoots
from confide.attestation.verifier import verify_quote
from confide.cli.outcome import show_outcome
from confide.core.errors import (
    ConfigurationError,
    ModelFileInvalid,
    PolicyViolation,
    SchemaMismatch,
)
from confide.data.dataset import PreparedDataset
from confide.data.prepare import prepare
from confide.data.schema import loads
from confide.protocol.messages import Close

CONFIG = """
[platform]
address = "127.0.0.1:7443"
[attestation]
roots = ["intel"]
mrenclave = ["%s"]
pccs = "https://localhost:8081"
"""


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (('address = "127.0.0.1:7443"', 'address = "nowhere"'), "address"),
        (('roots = ["intel"]', ""), "roots"),
        (("[platform]", "[platform]\nsurprise = 1"), "surprise"),
        (('pccs = "https://localhost:8081"', "pccs = 1"), "pccs"),
    ],
)
def test_a_wrong_configuration_names_file_and_field(tmp_path, change, word):
    path = tmp_path / "confide.toml"
    path.write_text(CONFIG.replace(*change))
    with pytest.raises(ConfigurationError, match=rf"confide\.toml.*{word}"):
        load_config(path)


def test_a_configuration_without_a_root_or_a_measurement_accepts_nothing(tmp_path, world_authority):
    path = tmp_path / "confide.toml"
    path.write_text(CONFIG.replace('["%s"]', "[]").replace('["intel"]', "[]"))
    config, now = load_config(path), world_authority.clock.now()
    with pytest.raises(ConfigurationError):
        config.roots()
    claims = verify_quote(
        world_authority.tee.quote(bytes(64)),
        world_authority.tee.collateral(now),
        roots=TrustRoots([world_authority.tee.root_der]),
        policy=UnsafeAnyMeasurement(),
        now=now,
    )
    with pytest.raises(PolicyViolation):
        config.policy().check(claims)


def test_rtmrs_are_0_to_3(tmp_path):
    path = tmp_path / "confide.toml"
    path.write_text((CONFIG % ("ab" * 32)) + 'rtmr = { "4" = "00" }\n')
    with pytest.raises(ConfigurationError, match="rtmr"):
        load_config(path).policy()


def test_a_tasks_folder_is_closed_to_others_and_overwrites_nothing(tmp_path, finished):
    folder = TaskFolder(tmp_path / "tasks" / "x", FakeClock(5))
    assert stat.S_IMODE(folder.folder.stat().st_mode) == 0o700
    result = finished.kept["shop"].results[0]
    folder.result(*result)
    folder.result(*result)
    assert {path.name for path in folder.folder.iterdir()} >= {"model.confide", "model-2.confide"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.folder.iterdir())


def test_what_a_prediction_tells_is_kept_and_drawn_beside_the_trainings(tmp_path, finished):
    folder = TaskFolder(tmp_path / "x", FakeClock(5))
    statement, signature, report, data = finished.kept["shop"].results[0]
    folder.result(statement, signature, report, data)
    predicted = replace(statement, kind="predictions")
    folder.result(predicted, signature, replace(report, metrics={"rows_predicted": 5}), data)
    assert initiate.outcome_of("x", folder).prediction == {}
    drift = {"index": 0.3, "by_chance": 0.01, "bins": []}
    column = {"party": "media", "column": "page", "kind": "categorical", "figures": {"drift": drift}}
    told = {"statistics": {"rows": 900, "minimum_rows": 20, "columns": [column]}}
    folder.result(predicted, signature, replace(report, metrics=told), data)
    outcome = initiate.outcome_of("x", folder)
    assert outcome.prediction == told
    assert "statistics" not in outcome.metrics
    assert "<h2>Drift</h2>" in outcome.prediction_pictures.read_text()
    assert "<h2>Drift</h2>" not in outcome.pictures.read_text()
    shown = io.StringIO()
    show_outcome(Console(file=shown, width=200), outcome.document())
    assert "media.page" in shown.getvalue()


def test_events_hold_kinds_and_digests_and_no_content(tmp_path):
    folder = TaskFolder(tmp_path / "x", FakeClock(5))
    folder.note("said", Close(), "closing")
    (event,) = read_events(folder.folder)
    assert event["at"] == 5
    assert (event["way"], event["message"], event["state"]) == ("said", "close", "closing")
    assert set(event) == {"at", "way", "message", "digest", "state"}


def test_a_model_is_opened_with_its_agreement_and_papers(kept, finished):
    model = OpenedModel.read(kept / "model.confide")
    assert model.agreement.block.task == train_task()
    assert model.papers().statement == finished.kept["shop"].results[0][0]
    assert model.document()["participants"] == ["shop", "media"]


def test_papers_of_another_model_are_refused(kept, tmp_path):
    data = (kept / "model.confide").read_bytes()
    other = tmp_path / "other.confide"
    other.write_bytes(data)
    papers_path(other).write_bytes((kept / "predictions.csv.signature.json").read_bytes())
    with pytest.raises(ModelFileInvalid, match="another model"):
        OpenedModel.read(other).papers()
    papers_path(other).write_bytes(b"{}")
    with pytest.raises(ModelFileInvalid):
        OpenedModel.read(other).papers()


def test_plain_predictions_are_those_of_the_enclave(kept, datasets):
    model = OpenedModel.read(kept / "model.confide")
    plain = predict(model, [datasets["shop"], datasets["media"]])
    path = kept.parent / "plain.csv"
    plain.write(path)
    assert path.read_bytes() == (kept / "predictions.csv").read_bytes()
    assert plain.absent == ()


def test_columns_that_no_dataset_holds_are_scored_as_missing_and_named(kept, datasets):
    model = OpenedModel.read(kept / "model.confide")
    plain = predict(model, [datasets["shop"]])
    assert plain.absent == (("media", "page"),)
    assert len(plain.scores) == 256


def test_a_column_of_another_kind_is_refused_not_misread(kept, tmp_path):
    source = tmp_path / "rows.csv"
    source.write_text("id,city\n1,2.5\n2,3.5\n")
    schema = loads('[id]\nname = "id"\ntype = "integer"\n[columns]\ncity = "numeric"\n')
    prepare(source, schema, tmp_path / "prepared")
    with pytest.raises(SchemaMismatch):
        predict(OpenedModel.read(kept / "model.confide"), [PreparedDataset.open(tmp_path / "prepared")])


def test_reading_is_bounded_also_for_pipes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 11)
    assert read_bounded(path, 11, ModelFileInvalid) == b"x" * 11
    with pytest.raises(ModelFileInvalid):
        read_bounded(path, 10, ModelFileInvalid)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"y" * 100))
    writer.start()
    assert read_bounded(pipe, 100, ModelFileInvalid) == b"y" * 100
    writer.join()
    with pytest.raises(ConfigurationError):
        read_bounded(tmp_path / "absent", 10, ModelFileInvalid)


def test_a_folder_that_others_may_look_into_is_refused(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x").chmod(0o750)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        TaskFolder(tmp_path / "x", FakeClock())
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError):
        TaskFolder(tmp_path / "file", FakeClock())


def test_every_file_of_a_task_is_its_owners_alone(tmp_path):
    folder = TaskFolder(tmp_path / "x", FakeClock())
    before = os.umask(0)
    try:
        folder.note("said", Close(), "closing")
        folder._write("report.json", b"{}")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in folder.folder.iterdir()} == {0o600}


TRAIN_AGAIN = """
name = "clicks again"
dataset = "{dataset}"
providers = ["media"]
start_from = "{model}"
id = {{ name = "id", type = "integer" }}
label = {{ name = "click" }}
[features]
shop = {{ city = "categorical" }}
media = {{ page = "categorical" }}
"""


def write_training(tmp_path, tmp_path_factory, model):
    dataset = next(tmp_path_factory.getbasetemp().glob("data*/shop-prepared"))
    path = tmp_path / "again.toml"
    path.write_text(TRAIN_AGAIN.format(dataset=dataset, model=model))
    return path


def test_a_training_brings_the_model_that_it_starts_from(kept, finished, tmp_path, tmp_path_factory):
    path = write_training(tmp_path, tmp_path_factory, kept / "model.confide")
    (job,) = training_jobs(SimpleNamespace(me="shop"), path, [])
    assert job.model.data == (kept / "model.confide").read_bytes()
    assert job.model.papers.statement == finished.kept["shop"].results[0][0]


def test_a_model_to_start_from_that_is_none(tmp_path, tmp_path_factory, datasets):
    other = tmp_path / "other.confide"
    other.write_bytes(b"no model")
    with pytest.raises(ModelFileInvalid):
        training_jobs(SimpleNamespace(me="shop"), write_training(tmp_path, tmp_path_factory, other), [])
