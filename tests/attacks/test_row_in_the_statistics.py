"""T-37: the initiator reads a single row off released statistics. Control: off exact figures it can."""

import functools
import json

import numpy as np
import pytest
from fakes.shop import dataset_of, train_job, world
from fakes.world import train_task

from confide.core.features import Feature, Kind
from confide.data.schema import IdColumn, IdType, LabelColumn, Schema
from confide.data.statistics import figures
from confide.data.statistics.blurring import Blur, key_of
from confide.protocol.statistics import FIGURES_OF, Statistics
from confide.protocol.terms import Release, Released

M, ROWS, DRAWS = 20, 800, 300
LABELS = (np.arange(ROWS) % 5 == 0).astype(np.float32)
NUMBERS = np.random.default_rng(7).normal(50, 10, ROWS)
CODES = np.repeat(np.arange(1, 9, dtype=np.uint64), ROWS // 8)
ATTACKS = {
    "the largest number": (NUMBERS, 49.0, 1e6),
    "any number": (NUMBERS, 31.0, 69.0),
    "a missing number": (NUMBERS, 50.0, np.nan),
    "a category": (CODES, 3, 7),
    "a category of its own": (CODES, 3, 99),
    "a missing category": (CODES, 3, 0),
}


def told(values, draw):
    """All that can be told of a column."""
    blur = Blur(key_of([draw.to_bytes(4, "big")], "task"), M, "media", "column")
    found = [figures.missing(values, blur), figures.label_correlation(values, LABELS, blur)]
    if values.dtype == np.uint64:
        return [*found, figures.cardinality(values, blur)]
    present = figures.ordered(values)
    return [*found, figures.mean(present, blur), *figures.quantiles(present, blur)]


@pytest.mark.parametrize("attack", ATTACKS)
def test_two_tasks_that_differ_by_one_row_mostly_tell_the_same(attack):
    """With the same draws: how often any figure differs bounds how well both can be told apart."""
    values, one, other = ATTACKS[attack]
    pair = [values.copy(), values.copy()]
    pair[0][123], pair[1][123] = one, other
    differing = np.array(
        [
            [left != right for left, right in zip(told(pair[0], draw), told(pair[1], draw), strict=True)]
            for draw in range(DRAWS)
        ]
    )
    assert (differing.mean(axis=0) <= 2 / M + 0.03).all()
    if values.dtype == np.float64:
        exact = [np.nanmean(pair[at]) for at in (0, 1)]
        read = exact[1] - exact[0] if not np.isnan(other) else np.isnan(pair[1]).sum()
        assert read != 0, "off exact figures the row is read"


SECRET, FEW = 987_654.321, 3


@functools.cache
def datasets():
    """Three rows of media's have a number and a category that nobody else has."""
    random = np.random.default_rng(11)
    shop = "".join(f"{row},{row % 5 // 4},c{row % 4}\n" for row in range(ROWS))
    cells = [
        f"{row},only-these,{SECRET}" if row < FEW else f"{row},p{row % 6},{random.normal(50, 10):.3f}"
        for row in range(ROWS)
    ]
    of_ids = IdColumn("id", IdType.INTEGER)
    columns = {"page": Kind.CATEGORICAL, "dwell": Kind.NUMERIC}
    labelled = Schema(id=of_ids, label=LabelColumn("click"), columns={"city": Kind.CATEGORICAL})
    return {
        "shop": dataset_of("id,click,city\n" + shop, labelled),
        "media": dataset_of("id,page,dwell\n" + "\n".join(cells) + "\n", Schema(id=of_ids, columns=columns)),
    }


def run(minimum_rows=M):
    columns = {"page": FIGURES_OF[Kind.CATEGORICAL], "dwell": FIGURES_OF[Kind.NUMERIC]}
    asked = Statistics(columns={"media": columns}, minimum_rows=minimum_rows)
    features = {
        "shop": (Feature(name="city", kind=Kind.CATEGORICAL),),
        "media": tuple(
            Feature(name=name, kind=Kind.NUMERIC if name == "dwell" else Kind.CATEGORICAL) for name in columns
        ),
    }
    releases = (*train_task().releases, Release(what=Released.STATISTICS, to="shop"))
    job = train_job(datasets()["shop"], features=features, statistics=asked, releases=releases, baselines=())
    ran = world(job, offered={"media": datasets()["media"]})
    ran.run()
    return ran


def test_extremes_and_small_groups_leave_no_trace():
    ran = run()
    assert ran.errors == {}
    report = ran.kept["shop"].results[0][2].metrics["statistics"]
    page, dwell = (column["figures"] for column in report["columns"])
    assert page["cardinality"] == 6, "the category of three rows is not counted"
    numbers = [entry["value"] for entry in dwell["quantiles"] if entry["value"] is not None]
    assert max(numbers) < 100
    assert abs(dwell["mean"]["value"] - 50) < 3, "three rows would have moved it by 3,700"
    text = json.dumps(report)
    assert "98765" not in text
    assert b'\\"edges\\"' in ran.kept["shop"].results[0][3]
    assert b"98765" not in ran.kept["shop"].results[0][3]


@pytest.mark.parametrize("minimum_rows", [0, 1, 19])
def test_a_task_that_asks_for_smaller_groups_is_no_task(minimum_rows):
    ran = run(minimum_rows)
    assert ran.errors["enclave"].code == "CFD-102"
    assert all(not kept.results for kept in ran.kept.values())
