import pytest
from fakes.world import predict_task, train_task

from confide.app.starting import starts
from confide.core.features import Cross, Feature, Kind, Transform
from confide.protocol.early_start import waits_because
from confide.protocol.evaluation import Choices, Evaluation, HeldFolds, OwnedColumn, Tuning
from confide.protocol.statistics import Figure, Statistics
from confide.protocol.terms import Encoding, Intersection, Release

HASHED = Encoding(vocabulary="hashed", bits=6)


def task(**changes):
    return train_task(**({"alignment": Intersection(), "encoding": HASHED} | changes))


def of_number(transform, **settings):
    feature = Feature(name="age", kind=Kind.NUMERIC, transform=transform, **settings)
    return {"shop": (feature,), "media": (Feature(name="page", kind=Kind.CATEGORICAL),)}


COLUMN = OwnedColumn(owner="shop", name="day", kind=Kind.NUMERIC)
WAITING = {
    "agreed order": {"alignment": "enclave"},
    "exact vocabulary": {"encoding": Encoding()},
    "transform": {"features": of_number(Transform.STANDARD)},
    "'quantiles'": {"features": of_number(Transform.QUANTILES, quantiles=4)},
    "held out": {"evaluation": Evaluation(time=COLUMN)},
    "says which rows": {"evaluation": Evaluation(folds=HeldFolds(column=COLUMN, held=("1",)))},
    "left out": {"evaluation": Evaluation(keep_negatives=0.5, validation=0.1)},
    "searched": {
        "tuning": Tuning(method="grid", choices={"epochs": Choices(values=(1, 2))}, trials=2, minutes=1.0),
        "evaluation": Evaluation(validation=0.1),
        "releases": tuple(Release(what=what, to="shop") for what in ("model", "metrics", "trials")),
    },
    "a cross": {"crosses": (Cross(name="city_page", of=(("shop", "city"), ("media", "page"))),)},
    "statistics": {
        "statistics": Statistics(columns={"media": {"page": (Figure.MISSING,)}}, minimum_rows=20),
        "releases": tuple(Release(what=what, to="shop") for what in ("model", "metrics", "statistics")),
    },
    "weighted": {"evaluation": Evaluation(positive_weight=2.0)},
}


@pytest.mark.parametrize("why", WAITING)
def test_what_needs_all_rows_waits_and_says_why(why):
    assert why in waits_because(task(**WAITING[why]), in_turn=True)


def test_what_needs_no_rows_does_not_wait():
    for features in (of_number(Transform.LOG1P), of_number(Transform.BUCKETS, boundaries=(1.0,))):
        assert waits_because(task(features=features), in_turn=True) is None
    assert (
        waits_because(task(evaluation=Evaluation(validation=0.2, cross_validation=3)), in_turn=True) is None
    )
    assert "all rows at once" in waits_because(task(), in_turn=False)
    assert "no training" in waits_because(predict_task(task()), in_turn=True)


@pytest.mark.parametrize("algorithm", ["afm", "fm", "linear"])
def test_a_provider_reads_that_it_begins_with_the_first_blocks(algorithm):
    said = "\n".join(starts(task(), algorithm))
    assert "begins with the first blocks" in said
    assert "thrown away" in said


def test_a_provider_reads_why_it_waits():
    for algorithm in ("gbdt", "mlp", "deepfm"):
        assert "when all data has come: the algorithm needs all rows at once" in starts(task(), algorithm)[0]
    assert "exact vocabulary" in starts(task(encoding=Encoding()), "afm")[0]


def test_nothing_is_said_where_rows_are_joined_or_nothing_is_learned():
    assert starts(task(alignment="enclave"), "afm") == ()
    assert starts(predict_task(task()), "afm") == ()
    assert starts(task(), "of another build") == ()
