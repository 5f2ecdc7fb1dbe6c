"""Statistics of columns and drift through the whole protocol: to A, as agreed, in and out of core alike."""

import functools

import numpy as np
import pytest
from fakes.outcomes import completed
from fakes.shop import dataset_of, predict_job, train_job, world
from fakes.spooling import run_out_of_core
from fakes.world import bring, predict_task, train_task
from msgspec.structs import replace

from confide.algorithms.model import Model
from confide.core.errors import ModelNotUsable
from confide.core.features import Feature, Kind, Transform
from confide.core.platform_api import TaskKind
from confide.data import ordered_pool
from confide.data.schema import IdColumn, IdType, LabelColumn, Schema
from confide.protocol.statistics import FIGURES_OF, Figure, Statistics
from confide.protocol.terms import Release, Released, columns_of

ROWS, M = 1_200, 20
FEATURES = {
    "shop": (Feature(name="city", kind=Kind.CATEGORICAL),),
    "media": (
        Feature(name="page", kind=Kind.CATEGORICAL),
        Feature(name="dwell", kind=Kind.NUMERIC, transform=Transform.LOG1P),
    ),
}
CATEGORICAL = FIGURES_OF[Kind.CATEGORICAL]
EVERYTHING = Statistics(
    columns={
        "shop": {"city": CATEGORICAL},
        "media": {"page": CATEGORICAL, "dwell": FIGURES_OF[Kind.NUMERIC]},
    },
    minimum_rows=M,
)
DRIFT = Statistics(columns={"media": {"page": (Figure.DRIFT,), "dwell": (Figure.DRIFT,)}}, minimum_rows=M)
STATISTICS = Release(what=Released.STATISTICS, to="shop")


@functools.cache
def rows(seed=1, moved=0.0):
    """(city, page, dwell, click); one dwell in ten is missing."""
    random = np.random.default_rng(seed)
    city, page = random.integers(0, 6, (2, ROWS))
    dwell = np.where(random.random(ROWS) < 0.1, np.nan, random.normal(10 + moved, 3, ROWS).round(3))
    click = random.random(ROWS) < np.where(city == page, 0.8, 0.2)
    return city, page, dwell, click.astype(int)


@functools.cache
def datasets(seed=1, moved=0.0):
    city, page, dwell, click = rows(seed, moved)
    shop = "".join(f"{row},{click[row]},c{city[row]}\n" for row in range(ROWS))
    cells = [f"{row},p{page[row]},{'' if np.isnan(dwell[row]) else dwell[row]}\n" for row in range(ROWS)]
    id_column = IdColumn("id", IdType.INTEGER)
    columns = {"page": Kind.CATEGORICAL, "dwell": Kind.NUMERIC}
    return {
        "shop": dataset_of(
            "id,click,city\n" + shop,
            Schema(id=id_column, label=LabelColumn("click"), columns={"city": Kind.CATEGORICAL}),
        ),
        "media": dataset_of(
            "id,page,dwell\n" + "".join(reversed(cells)), Schema(id=id_column, columns=columns)
        ),
    }


def training(asked=EVERYTHING, **changes):
    releases = (*train_task().releases, STATISTICS)
    given = {"features": FEATURES, "statistics": asked, "releases": releases, "baselines": ()} | changes
    return train_job(datasets()["shop"], **given)


def prediction(trained, asked=DRIFT, **data):
    releases = (Release(what=Released.PREDICTIONS, to="shop"), STATISTICS)
    task = predict_task(trained, statistics=asked, releases=releases)
    return predict_job(task, dataset=datasets(**data)["shop"])


@functools.cache
def trained():
    ran = world(training(), offered={"media": datasets()["media"]})
    ran.run()
    completed(ran)
    return ran


def told(ran, number=0, least=M):
    """{(party, column): figures} of a result's private part."""
    completed(ran)
    found = ran.kept["shop"].results[number][2].metrics["statistics"]
    assert (found["rows"], found["minimum_rows"]) == (ROWS, least)
    return {(column["party"], column["column"]): column["figures"] for column in found["columns"]}


def test_what_was_agreed_is_told_as_numpy_has_it_within_the_step():
    city, page, dwell, click = rows()
    found = told(trained())
    numbers = found["media", "dwell"]
    present = np.sort(dwell[~np.isnan(dwell)])
    assert set(numbers) == {"missing", "mean", "quantiles", "label-correlation", "drift"}
    assert abs(numbers["missing"]["value"] - np.isnan(dwell).mean()) < numbers["missing"]["step"] == M / ROWS
    assert abs(numbers["mean"]["value"] - present.mean()) < numbers["mean"]["step"] + 0.05
    middle = next(entry for entry in numbers["quantiles"] if entry["at"] == 0.5)
    assert abs(middle["value"] - np.median(present)) < 3 * middle["step"]
    for name, codes in (("page", page), ("city", city)):
        figures = found["media" if name == "page" else "shop", name]
        assert figures["cardinality"] == 6
        assert figures["missing"]["value"] <= M / ROWS
        correlation = figures["label-correlation"]
        means = np.array([click[codes == code].mean() for code in range(6)])[codes]
        assert abs(correlation["value"] - np.corrcoef(means, click)[0, 1] ** 2) <= correlation["step"]


def test_out_of_core_the_same_is_told(tmp_path):
    ran = world(training(), offered={"media": datasets()["media"]})
    run_out_of_core(ran, tmp_path, 300)
    assert told(ran) == told(trained())


def test_any_number_of_threads_tells_the_same_to_the_bit(monkeypatch):
    found = told(trained())
    for threads in (1, 5):
        monkeypatch.setattr(ordered_pool, "workers", lambda count=threads: count)
        ran = world(training(), offered={"media": datasets()["media"]})
        ran.run()
        assert told(ran) == found


def test_the_provider_gets_none_of_it_and_has_agreed_to_it():
    ran = trained()
    assert ran.kept["media"].results == []
    assert ran.kept["media"].agreements[0].block.task.statistics == EVERYTHING
    assert b'"quantiles"' not in b"".join(
        done.receipt.task_id.encode() + repr(done.receipt.rounds).encode()
        for done in ran.kept["media"].receipts
    )


@pytest.mark.parametrize("moved", [0.0, 6.0])
def test_drift_tells_rows_that_have_moved(moved, tmp_path):
    """In the same enclave, and with a brought model out of core: other salts, so other draws, but as near."""
    first = training()
    jobs = [first, prediction(first.task, seed=2, moved=moved)]
    ran = world(*jobs, offered={"media": datasets()["media"]})
    ran._datasets["media"][TaskKind.PREDICT] = datasets(seed=2, moved=moved)["media"]
    ran.run()
    found = told(ran, 1)
    page, dwell = found["media", "page"]["drift"], found["media", "dwell"]["drift"]
    assert page["index"] < 0.1
    assert dwell["index"] > 1 if moved else dwell["index"] < 0.1
    assert {entry["name"] for entry in dwell["bins"]} >= {"missing"}
    job = replace_brought(prediction(first.task, seed=2, moved=moved), trained())
    later = world(job, offered={"media": datasets(seed=2, moved=moved)["media"]}, kind=TaskKind.PREDICT)
    run_out_of_core(later, tmp_path, 300)
    again = told(later)["media", "dwell"]["drift"]
    for one, other in zip(again["bins"], dwell["bins"], strict=True):
        assert (one["name"], one["expected"]) == (other["name"], other["expected"])
        assert abs(one["found"] - other["found"]) <= M / ROWS * 1.001, "only the draws differ"


def replace_brought(job, ran):
    return type(job)(job.task, job.algorithm, job.parameters, job.dataset, bring(ran))


def test_the_model_holds_references_only_where_drift_was_released():
    model = Model.read(trained().kept["shop"].results[0][3])
    assert set(model.references) == {("shop", "city"), ("media", "page"), ("media", "dwell")}
    only = Statistics(columns={"media": {"dwell": (Figure.MEAN,)}}, minimum_rows=M)
    ran = world(training(only), offered={"media": datasets()["media"]})
    ran.run()
    assert Model.read(ran.kept["shop"].results[0][3]).references == {}
    assert told(ran)["media", "dwell"].keys() == {"mean"}
    later = world(
        replace_brought(prediction(training().task), ran),
        offered={"media": datasets()["media"]},
        kind=TaskKind.PREDICT,
    )
    later.run()
    assert isinstance(later.errors["shop"], ModelNotUsable)
    assert "no drift of media.dwell, media.page" in later.errors["shop"].message


def test_of_a_training_with_too_few_rows_drift_can_not_be_told():
    few = Statistics(columns=EVERYTHING.columns, minimum_rows=ROWS // 2)
    ran = world(training(few), offered={"media": datasets()["media"]})
    ran.run()
    assert told(ran, least=ROWS // 2)["media", "dwell"]["drift"] is None
    job = replace_brought(prediction(training(few).task), ran)
    later = world(job, offered={"media": datasets()["media"]}, kind=TaskKind.PREDICT)
    later.run()
    assert told(later)["media", "dwell"] == {"drift": None}


def test_statistics_need_no_more_columns_than_the_task_uses():
    task = training().task
    assert columns_of(task, "media") == ("page", "dwell")
    assert columns_of(replace(task, statistics=DRIFT), "media") == columns_of(task, "media")
