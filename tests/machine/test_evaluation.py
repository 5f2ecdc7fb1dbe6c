"""Evaluation, tuning and gate through the whole protocol."""

import csv
import io
import math
import sys
from unittest import mock

import numpy as np
import pytest
from fakes.ports import FakeClock
from fakes.spooling import run_out_of_core
from fakes.toy_datasets import toy_datasets
from fakes.world import PARAMETERS, Authority, World, train_task

from confide.core.digest import sha384_hex
from confide.core.errors import AlgorithmNotListed, ModelKeptBack, ParameterInvalid, WorkFailed
from confide.core.features import Kind
from confide.core.platform_api import TaskKind
from confide.data.dataset import PreparedDataset
from confide.data.prepare import prepare
from confide.data.schema import IdColumn, IdType, LabelColumn, Schema
from confide.party.initiator import Job
from confide.protocol.evaluation import (
    Choices,
    Evaluation,
    Gate,
    Groups,
    HeldFolds,
    OwnedColumn,
    Range,
    Tuning,
)
from confide.protocol.terms import Release, Released

CITY = OwnedColumn(owner="shop", name="city", kind=Kind.CATEGORICAL)
PAGE = OwnedColumn(owner="media", name="page", kind=Kind.CATEGORICAL)


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    parties = {"shop": ["city", "day"], "media": ["page", "zone"]}
    return toy_datasets(tmp_path_factory.mktemp("data"), parties, rows=1_400)


def releases(*more):
    return tuple(Release(what=what, to="shop") for what in (Released.MODEL, Released.METRICS, *more))


def run(authority, data, parameters=PARAMETERS, algorithm="afm", **changes):
    jobs = [Job(train_task(**changes), algorithm, parameters, data["shop"])]
    world = World(authority, jobs, {"media": dict.fromkeys(TaskKind, data["media"])})
    world.run()
    return world


def result(world):
    """(statement, report, rows of the held-out file)."""
    assert world.errors == {}
    statement, _, report, content = world.kept["shop"].results[0]
    beside = content[statement.bytes :]
    if statement.held_out:
        assert sha384_hex(beside) == statement.held_out.sha384
    return statement, report, list(csv.DictReader(io.StringIO(beside.decode())))


def columns(rows, *names):
    return [np.array([float(row[name]) for row in rows]) for name in names]


def auc_by_pairs(labels, scores):
    above = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    return float(((above > 0) + (above == 0) / 2).mean())


def logloss(labels, scores):
    return float(-np.log(np.where(labels == 1, scores, 1 - scores)).mean())


def test_a_computes_every_figure_again_from_the_released_predictions(authority, data):
    asked = Evaluation(
        validation=0.2, thresholds=(0.4, 0.6), shares=(0.1, 0.5), bins=5, resamples=20, importance=2
    )
    world = run(
        authority,
        data,
        evaluation=asked,
        baselines=("initiator", "providers"),
        releases=releases(Released.HELD_OUT, Released.LIFT, Released.IMPORTANCE),
    )
    _, report, rows = result(world)
    for name, column in (
        ("joint", "probability"),
        ("initiator", "probability_initiator"),
        ("providers", "probability_providers"),
    ):
        told = report.metrics[name]
        labels, scores = columns(rows, "click", column)
        assert len(rows) == told["rows_held_out"]
        assert told["auc"] == pytest.approx(auc_by_pairs(labels, scores))
        assert told["logloss"] == pytest.approx(logloss(labels, scores), rel=1e-5)
        assert told["rmse"] == pytest.approx(math.sqrt(((labels - scores) ** 2).mean()), rel=1e-5)
        assert told["accuracy"] == pytest.approx(((scores >= 0.5) == labels).mean())
        for cut in told["thresholds"]:
            flagged = scores >= cut["threshold"]
            assert cut["precision"] == (pytest.approx(labels[flagged].mean()) if flagged.any() else None)
            assert cut["recall"] == pytest.approx(labels[flagged].sum() / labels.sum())
        gaps = [
            abs((scores[labels == 1] >= at).mean() - (scores[labels == 0] >= at).mean()) for at in set(scores)
        ]
        assert told["ks"] == pytest.approx(max(gaps))
        parts = np.array_split(np.argsort(scores, kind="stable"), 5)
        error = sum(len(p) * abs(scores[p].mean() - labels[p].mean()) for p in parts) / len(rows)
        assert told["calibration"]["expected_error"] == pytest.approx(error, abs=1e-5)
    lift = report.metrics["lift"]
    gain = report.metrics["joint"]["auc"] - report.metrics["initiator"]["auc"]
    assert lift["differences"][0]["auc"]["value"] == pytest.approx(gain)
    assert lift["resamples"] == 20
    assert [entry["column"] for entry in report.metrics["importance"]["fields"]] == ["city", "page"]


def test_validation_rows_are_neither_trained_on_nor_held_out(authority, data):
    _, report, _ = result(run(authority, data, evaluation=Evaluation(validation=0.2)))
    told = report.metrics["joint"]
    assert (told["rows_trained"], told["rows_validation"], told["rows_held_out"]) == (840, 210, 350)
    assert "validation_logloss" in report.curve[0]
    assert not any(name.startswith("holdout") for name in report.curve[0])


def test_folds_hold_out_the_rows_with_their_values(authority, data):
    asked = Evaluation(folds=HeldFolds(column=CITY, held=("v1", "v3")))
    _, report, rows = result(run(authority, data, evaluation=asked, releases=releases(Released.HELD_OUT)))
    cities = {row: f"v{row * 3 % 7}" for row in range(1_400)}
    assert {int(row["id"]) for row in rows} == {row for row, city in cities.items() if city in {"v1", "v3"}}
    assert report.metrics["joint"]["rows_held_out"] == 400


def test_the_newest_rows_are_held_out(authority, data, tmp_path):
    source = tmp_path / "shop.csv"
    lines = [f"{row},{row % 3 % 2},v{row % 7},{1_400 - row}" for row in range(1_400)]
    source.write_text("\n".join(["id,click,city,day", *lines]) + "\n")
    columns_of_shop = {"city": Kind.CATEGORICAL, "day": Kind.NUMERIC}
    schema = Schema(id=IdColumn("id", IdType.INTEGER), label=LabelColumn("click"), columns=columns_of_shop)
    prepare(source, schema, tmp_path / "prepared")
    timed = {**data, "shop": PreparedDataset.open(tmp_path / "prepared")}
    asked = Evaluation(time=OwnedColumn(owner="shop", name="day", kind=Kind.NUMERIC), validation=0.1)
    _, report, rows = result(run(authority, timed, evaluation=asked, releases=releases(Released.HELD_OUT)))
    assert {int(row["id"]) for row in rows} == set(range(350))
    assert report.metrics["joint"]["rows_validation"] == 105


def test_a_column_that_is_no_feature_is_consented_to_and_sent(authority, data):
    day = OwnedColumn(owner="media", name="zone", kind=Kind.CATEGORICAL)
    asked = Evaluation(groups=Groups(column=day, values=("v0", "v1", "v9"), minimum_rows=10))
    world = run(authority, data, evaluation=asked, releases=releases(Released.HELD_OUT))
    _, report, rows = result(world)
    assert world.kept["media"].agreements[0].block.consents["media"].columns == ("page", "zone")
    told = {entry["value"]: entry for entry in report.metrics["joint"]["groups"]}
    assert told["v9"] == {"value": "v9", "rows": None, "auc": None, "label_mean": None}
    assert told["v0"]["rows"] + told["v1"]["rows"] < len(rows)


def test_group_figures_are_those_of_the_rows_of_the_group(authority, data):
    asked = Evaluation(groups=Groups(column=CITY, values=("v2",), minimum_rows=10))
    _, report, rows = result(run(authority, data, evaluation=asked, releases=releases(Released.HELD_OUT)))
    mine = [row for row in rows if int(row["id"]) * 3 % 7 == 2]
    labels, scores = columns(mine, "click", "probability")
    told = report.metrics["joint"]["groups"][0]
    assert told["rows"] == len(mine)
    assert told["label_mean"] == pytest.approx(labels.mean())
    expected = None if labels.min() == labels.max() else pytest.approx(auc_by_pairs(labels, scores))
    assert told["auc"] == expected


def test_predictions_are_corrected_for_rows_left_out(authority, data):
    linear = {"epochs": 60, "learning_rate": 0.5}
    asked = Evaluation(validation=0.1, keep_negatives=0.25)
    thin = run(
        authority,
        data,
        linear,
        "linear",
        evaluation=asked,
        releases=releases(Released.HELD_OUT),
        baselines=(),
    )
    _, report, rows = result(thin)
    labels, scores = columns(rows, "click", "probability")
    assert report.metrics["joint"]["rows_trained"] < 900
    assert scores.mean() == pytest.approx(labels.mean(), abs=0.08)


def test_weighted_rows_raise_predictions(authority, data):
    linear, means = {"epochs": 60, "learning_rate": 0.5}, {}
    for weight in (1.0, 2.5):
        asked = Evaluation(validation=0.1, positive_weight=weight)
        told = releases(Released.HELD_OUT)
        world = run(authority, data, linear, "linear", evaluation=asked, baselines=(), releases=told)
        (scores,) = columns(result(world)[2], "probability")
        means[weight] = float(np.log(scores / (1 - scores)).mean())
    assert means[2.5] > means[1.0] + 0.3


def test_what_an_algorithm_can_not_do_is_refused_before_anybody_is_asked(authority, data):
    asked = Evaluation(validation=0.1, keep_negatives=0.5)
    world = run(authority, data, {"loss": "squared"}, "linear", evaluation=asked)
    assert "keep_negatives" in world.errors["shop"].message


def test_cross_validation_tells_every_fold(authority, data):
    _, report, _ = result(run(authority, data, evaluation=Evaluation(cross_validation=3)))
    told = report.metrics["cross_validation"]
    assert len(told["folds"]) == 3
    mean = sum(fold["auc"] for fold in told["folds"]) / 3
    assert told["mean"]["auc"] == pytest.approx(mean)


def test_out_of_core_tells_the_same_kinds_of_figures(authority, data, tmp_path):
    asked = Evaluation(validation=0.2, resamples=5, importance=1, cross_validation=2)
    task = train_task(
        evaluation=asked,
        baselines=("initiator", "providers"),
        releases=releases(Released.LIFT, Released.IMPORTANCE, Released.HELD_OUT),
    )
    jobs = [Job(task, "afm", PARAMETERS, data["shop"])]
    world = World(authority, jobs, {"media": dict.fromkeys(TaskKind, data["media"])})
    run_out_of_core(world, tmp_path, 200)
    _, report, rows = result(world)
    labels, scores = columns(rows, "click", "probability")
    assert report.metrics["joint"]["auc"] == pytest.approx(auc_by_pairs(labels, scores))
    assert len(report.metrics["cross_validation"]["folds"]) == 2


def test_who_is_not_told_metrics_is_told_no_part_of_them(authority, data):
    only = (Release(what=Released.MODEL, to="shop"),)
    _, report, _ = result(run(authority, data, evaluation=Evaluation(thresholds=(0.5,)), releases=only))
    assert report.metrics == {}


# --- tuning -----------------------------------------------------------------------------------------------


def tuned(**changes):
    fields = {"trials": 3, "minutes": 5.0, "method": "random", "seed": 2}
    return Tuning(**(fields | changes))


def run_tuned(authority, data, parameters, tuning):
    more = {"evaluation": Evaluation(validation=0.2), "releases": releases(Released.TRIALS)}
    return run(authority, data, parameters, "linear", tuning=tuning, baselines=(), **more)


@pytest.mark.parametrize(
    "tuning",
    [
        tuned(method="grid", choices={"learning_rate": Choices(values=(0.001, 0.3, 0.1))}),
        tuned(ranges={"learning_rate": Range(low=0.001, high=0.5, log=True)}),
    ],
    ids=["grid", "random"],
)
def test_the_best_trial_is_trained_again_and_every_trial_is_told(authority, data, tuning):
    world = run_tuned(authority, data, {"epochs": 5}, tuning)
    _, report, _ = result(world)
    told = report.metrics["tuning"]
    losses = [trial["loss"] for trial in told["trials"]]
    assert len(losses) == 3
    assert told["best"] == losses.index(min(losses))
    assert len(set(losses)) == 3
    assert report.curve[-1]["validation_logloss"] == pytest.approx(min(losses))


BY_TPE = tuned(
    method="tpe",
    ranges={"learning_rate": Range(low=0.001, high=0.5, log=True)},
    choices={"batch_size": Choices(values=(64, 256))},
)


def test_tpe_is_refused_by_an_image_without_its_library(authority, data, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)  # as where it is not installed
    world = run_tuned(authority, data, {"epochs": 1}, BY_TPE)
    assert "confide[tuning]" in world.errors["shop"].message
    assert isinstance(world.errors["shop"], AlgorithmNotListed | ParameterInvalid)


def test_trials_by_tpe(authority, data):
    fields = {"evaluation": Evaluation(validation=0.2), "tuning": BY_TPE, "baselines": ()}
    reports = [
        result(run(authority, data, {"epochs": 2}, "linear", releases=releases(Released.TRIALS), **fields))[1]
        for _ in range(2)
    ]
    assert reports[0].metrics["tuning"] == reports[1].metrics["tuning"]


def test_a_trial_that_diverges_is_told_and_the_search_goes_on(authority, data):
    tuning = tuned(method="grid", trials=2, choices={"learning_rate": Choices(values=(100.0, 0.1))})
    world = run_tuned(authority, data, {"epochs": 5, "loss": "squared"}, tuning)
    _, report, _ = result(world)
    assert report.metrics["tuning"]["best"] == 1


def test_no_trial_begins_after_the_minutes(authority, data):
    tuning = tuned(trials=50, minutes=0.001, ranges={"learning_rate": Range(low=0.1, high=0.5)})
    ticks = (float(second) for second in range(0, 10_000, 60))
    with mock.patch.object(FakeClock, "monotonic", side_effect=ticks):
        world = run_tuned(authority, data, {"epochs": 1}, tuning)
    _, report, _ = result(world)
    assert len(report.metrics["tuning"]["trials"]) == 1


def test_values_that_the_algorithm_refuses_are_refused_before_anybody_is_asked(authority, data):
    tuning = tuned(ranges={"learning_rate": Range(low=-1.0, high=0.5)})
    world = run_tuned(authority, data, {"epochs": 1}, tuning)
    assert "learning_rate" in world.errors["shop"].message
    assert isinstance(world.errors["shop"], AlgorithmNotListed)


# --- gate -------------------------------------------------------------------------------------------------


def test_the_receipt_tells_all_what_the_gate_found(authority, data):
    world = run(authority, data, gate=Gate(membership_advantage=1.0, leakage_auc=1.0))
    result(world)
    figures = world.kept["media"].receipts[0].receipt.rounds[0].gate
    assert 0 <= figures.membership_advantage <= 1
    assert figures.leakage_field in {"shop.city", "media.page"}


@pytest.mark.parametrize(
    ("gate", "word"),
    [
        (Gate(membership_advantage=0.0, leakage_auc=1.0), "training rows"),
        (Gate(membership_advantage=1.0, leakage_auc=0.5), "alone predicts the label"),
    ],
)
def test_a_model_that_gives_away_too_much_stays(authority, data, gate, word):
    world = run(authority, data, gate=gate)
    assert {type(error) for error in world.errors.values()} == {ModelKeptBack}
    assert word in world.errors["media"].message
    assert world.kept["shop"].results == []


def test_no_rows_in_the_held_out_folds_is_told(authority, data):
    asked = Evaluation(folds=HeldFolds(column=CITY, held=("v9",)))
    world = run(authority, data, evaluation=asked)
    assert isinstance(world.errors["shop"], WorkFailed)
    assert "folds" in world.errors["shop"].message
