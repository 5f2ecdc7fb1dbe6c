"""What a provider reads before it consents, and what the initiator reads afterwards."""

import io

from fakes.world import train_task
from rich.console import Console

from confide.cli.consent_text import measured
from confide.cli.follow import sparkline
from confide.cli.quality import show_quality
from confide.cli.statistics import show_statistics
from confide.core.features import Cross, Kind
from confide.data.statistics.figures import AT
from confide.protocol.evaluation import Evaluation, Gate, Groups, OwnedColumn, Range, Tuning
from confide.protocol.statistics import Figure, Statistics
from confide.protocol.terms import Release, Released


def test_everything_that_is_measured_is_told_before_the_consent():
    column = OwnedColumn(owner="media", name="day", kind=Kind.NUMERIC)
    groups = Groups(column=column, values=("1", "2"), minimum_rows=50)
    told = (
        Released.MODEL,
        Released.METRICS,
        Released.LIFT,
        Released.IMPORTANCE,
        Released.TRIALS,
        Released.STATISTICS,
    )
    task = train_task(
        evaluation=Evaluation(time=column, groups=groups, resamples=10, importance=1, validation=0.1),
        tuning=Tuning(method="random", ranges={"epochs": Range(low=1, high=3)}, trials=5, minutes=2.0),
        gate=Gate(membership_advantage=0.1, leakage_auc=0.9),
        crosses=(Cross(name="both", of=(("shop", "city"), ("media", "page"))),),
        statistics=Statistics(columns={"media": {"page": (Figure.MISSING, Figure.DRIFT)}}, minimum_rows=50),
        baselines=("initiator", "providers"),
        releases=tuple(Release(what=what, to="shop") for what in told),
    )
    text = "\n".join(measured(task))
    for word in (
        "newest rows by media.day",
        "exact row counts, label means and AUC by media.day (1, 2)",
        "50 rows or more",
        "lift report",
    ):
        assert word in text
    for word in ("importance", "5 trials in 2 minutes: epochs 1…3", "up to 0.1", "above 0.9"):
        assert word in text
    assert "statistics:  to shop; a row hides among 50, of less than 200 nothing is told" in text
    assert "media.page: missing, drift" in text
    assert "crossed:     shop.city × media.page as 'both'" in text
    assert "for drift, the model holds" in text
    assert measured(train_task()) == []


def shown(metrics):
    file = io.StringIO()
    show_quality(Console(file=file, width=120, force_terminal=True, color_system="standard"), metrics)
    return file.getvalue()


def statistics(figures, kind="categorical"):
    column = {"party": "media", "column": "[red]page", "kind": kind, "figures": figures}
    file = io.StringIO()
    console = Console(file=file, width=140, force_terminal=True, color_system="standard")
    show_statistics(console, {"rows": 1_234, "minimum_rows": 50, "columns": [column]})
    return file.getvalue()


def test_statistics_are_told_with_their_steps_and_a_dash_for_what_is_not():
    quantiles = [{"at": at, "value": at * 10, "step": 1.0} for at in AT]
    told = {
        "missing": {"value": 0.125, "step": 0.04},
        "mean": {"value": 3.5, "step": 0.5},
        "quantiles": quantiles,
        "label-correlation": {"value": 0.25, "step": 0.1},
    }
    text = statistics(told, "numeric")
    for words in ("media.[red]page", "12.5%", "±4%", "3.5", "±0.5", "0.5  2.5  5  7.5  9.5", "r +0.25"):
        assert words in text
    text = statistics({"missing": {"value": 0.0, "step": 0.04}, "cardinality": 7, "label-correlation": None})
    for words in ("< 4%", " 7 ", "–"):
        assert words in text
    assert "–" in statistics({"cardinality": None, "missing": None})


def test_drift_has_the_colour_of_what_it_means():
    green, yellow, red = "\x1b[32m", "\x1b[33m", "\x1b[31m"
    for index, colour, words in ((0.05, green, "little"), (0.2, yellow, "some"), (0.3, red, "other rows")):
        text = statistics({"drift": {"index": index, "by_chance": 0.01, "bins": []}})
        assert f"{colour}{index:.3f}" in text
        assert words in text
    assert "none that can be told" in statistics({"drift": {"index": 0.3, "by_chance": 0.4, "bins": []}})
    assert statistics({"drift": {"bins": 3}}) == statistics({"drift": None}) == ""


def lift(low, high):
    interval = {"value": (low + high) / 2, "low": low, "high": high}
    model = {"auc": interval, "logloss": interval}
    return {
        "lift": {
            "confidence": 0.95,
            "resamples": 10,
            "models": {"joint": model},
            "differences": [{"first": "joint", "second": "initiator", "auc": interval, "logloss": interval}],
        }
    }


def test_a_gain_is_green_a_loss_red_and_what_may_be_none_yellow():
    green, red, yellow = "\x1b[32m", "\x1b[31m", "\x1b[33m"
    assert f"{green}+0.1500" in shown(lift(0.1, 0.2))
    assert f"{red}+0.1500" in shown(lift(0.1, 0.2))  # the logloss has grown
    assert f"{red}-0.1500" in shown(lift(-0.2, -0.1))
    assert f"{yellow}+0.0500" in shown(lift(-0.1, 0.2))


def test_a_curve_of_signs_is_as_high_as_its_values():
    assert sparkline([3.0, 2.0, 1.0]) == "█▅▁"
    assert sparkline([1.0, 1.0]) == "▁▁"
