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

M, ROWS, DRAWS = 20, 800, 400
ROW = 123
"""The row that one of two tasks lacks."""
RANDOM = np.random.default_rng(7)
LABELS = (np.arange(ROWS) % 5 == 0).astype(np.float32)
NORMAL = RANDOM.normal(50, 10, ROWS)
SKEWED = RANDOM.lognormal(0, 1.5, ROWS)
APART = np.r_[RANDOM.normal(0, 1, ROWS // 2), RANDOM.normal(100, 1, ROWS // 2)]
DIGITS = RANDOM.integers(0, 10, ROWS).astype(np.float64)
CODES = np.repeat(np.arange(1, 9, dtype=np.uint64), ROWS // 8)
ATTACKS = {
    "the largest number": (NORMAL, 1e6),
    "a missing number": (NORMAL, np.nan),
    "the largest of skewed numbers": (SKEWED, 1e6),
    "one of skewed numbers": (SKEWED, 1.0),
    "the largest of numbers that lie apart": (APART, 200.0),
    "the least of numbers that lie apart": (APART, -100.0),
    "one of few digits": (DIGITS, 5.0),
    "a category of its own": (CODES, 99),
    "a missing category": (CODES, 0),
}


def told(values, labels, draw):
    """All that can be told of a column; shares as counts, for how many rows there are the receipt tells."""
    blur = Blur(key_of([draw.to_bytes(4, "big")], "task"), M, "media", "column")
    found = {
        "missing": round(figures.missing(values, blur)["value"] * len(values)),
        "correlation": figures.label_correlation(values, labels, blur),
    }
    if values.dtype == np.uint64:
        return found | {"cardinality": figures.cardinality(values, blur)}
    present = figures.ordered(values)
    quantiles = {f"quantile {each['at']}": each for each in figures.quantiles(present, blur)}
    return found | quantiles | {"mean": figures.mean(present, blur)}


def promised(name, found):
    """The chance that a figure comes out otherwise: a quantile's is one more m-th for each other step."""
    if not name.startswith("quantile"):
        return 1 / M
    steps = {each[name]["step"] for pair in found for each in pair} - {None}
    return max(1, len(steps)) / M


@pytest.mark.parametrize("attack", ATTACKS)
def test_two_tasks_that_differ_by_one_row_mostly_tell_the_same(attack):
    """With the same draws: how often a figure differs bounds how well both tasks can be told apart.

    Beyond the promise, three standard deviations of a share of DRAWS draws are allowed, and no more.
    """
    column, value = ATTACKS[attack]
    values = column.copy()
    values[ROW] = value
    without, labels = np.delete(values, ROW), np.delete(LABELS, ROW)
    found = [(told(values, LABELS, draw), told(without, labels, draw)) for draw in range(DRAWS)]
    for name in found[0][0]:
        differing = np.mean([left[name] != right[name] for left, right in found])
        most = promised(name, found)
        assert differing <= most + 3 * np.sqrt(most * (1 - most) / DRAWS), name
    if values.dtype == np.float64:
        exact = np.nansum(values) - np.nansum(without)
        read = np.isnan(values).sum() if np.isnan(value) else exact
        assert read == pytest.approx(1 if np.isnan(value) else value), "off exact figures the row is read"


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
