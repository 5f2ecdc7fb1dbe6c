"""What a provider reads before it consents, and what the initiator reads afterwards."""

import io

from fakes.world import train_task
from rich.console import Console

from confide.cli.consent_text import measured
from confide.cli.follow import sparkline
from confide.cli.quality import show_quality
from confide.core.features import Kind
from confide.protocol.evaluation import Evaluation, Gate, Groups, OwnedColumn, Range, Tuning
from confide.protocol.terms import Release, Released


def test_everything_that_is_measured_is_told_before_the_consent():
    column = OwnedColumn(owner="media", name="day", kind=Kind.NUMERIC)
    groups = Groups(column=column, values=("1", "2"), minimum_rows=50)
    told = (Released.MODEL, Released.METRICS, Released.LIFT, Released.IMPORTANCE, Released.TRIALS)
    task = train_task(
        evaluation=Evaluation(time=column, groups=groups, resamples=10, importance=1, validation=0.1),
        tuning=Tuning(method="random", ranges={"epochs": Range(low=1, high=3)}, trials=5, minutes=2.0),
        gate=Gate(membership_advantage=0.1, leakage_auc=0.9),
        baselines=("initiator", "providers"),
        releases=tuple(Release(what=what, to="shop") for what in told),
    )
    text = "\n".join(measured(task))
    for word in ("newest rows by media.day", "AUC by media.day (1, 2)", "50 rows or more", "lift report"):
        assert word in text
    for word in ("importance", "5 trials in 2 minutes: epochs 1…3", "up to 0.1", "above 0.9"):
        assert word in text
    assert measured(train_task()) == []


def shown(metrics):
    file = io.StringIO()
    show_quality(Console(file=file, width=120, force_terminal=True, color_system="standard"), metrics)
    return file.getvalue()


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
