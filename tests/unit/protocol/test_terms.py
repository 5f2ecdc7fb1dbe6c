import pytest
from fakes.world import predict_task, train_task
from msgspec.structs import replace

from confide.core.canonical import NotCanonical, decode, encode
from confide.core.features import Cross, Feature, Kind
from confide.protocol.document import Name
from confide.protocol.evaluation import Choices, Evaluation, Gate, HeldFolds, OwnedColumn, Range, Tuning
from confide.protocol.statistics import Figure, Statistics
from confide.protocol.terms import (
    Digest,
    Label,
    Release,
    Released,
    columns_of,
    crosses_of,
    features_of,
    same_work,
)

FEATURE = Feature(name="page", kind=Kind.CATEGORICAL)


def released(*what):
    return tuple(Release(what=Released(entry), to="shop") for entry in what)


CROSS = Cross(name="city_page", of=(("shop", "city"), ("media", "page")))
TOLD = Statistics(columns={"media": {"page": (Figure.MISSING,)}})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"providers": ("media", "media")}, "named twice"),
        ({"providers": ("shop",)}, "named twice"),
        ({"features": {"shop": (FEATURE,)}}, "one entry for each"),
        ({"features": {"shop": (FEATURE, FEATURE), "media": ()}}, "a column is named twice"),
        ({"features": {"shop": (replace(FEATURE, name="id"),), "media": ()}}, "can't be a feature"),
        ({"features": {"shop": (), "media": (replace(FEATURE, name="click"),)}}, "can't be a feature"),
        ({"features": {"shop": (), "media": ()}}, "no features"),
        ({"label": None}, "'label' and 'split'"),
        ({"split": None}, "'label' and 'split'"),
        ({"label": Label(name="click", owner="maps")}, "not a participant"),
        ({"releases": (Release(what=Released.PREDICTIONS, to="shop"),)}, "can't release predictions"),
        ({"releases": (Release(what=Released.MODEL, to="media"),)}, "initiator only"),
        ({"releases": ()}, "must release its model"),
        ({"releases": (Release(what=Released.METRICS, to="shop"),)}, "must release its model"),
        ({"crosses": (CROSS, CROSS)}, "the same name"),
        ({"crosses": (replace(CROSS, of=(("shop", "city"), ("media", "zone"))),)}, "no categorical feature"),
        ({"statistics": TOLD}, "'statistics' is released by tasks that ask"),
        (
            {"releases": released("model", "metrics", "statistics")},
            "'statistics' is released by tasks that ask",
        ),
        ({"statistics": TOLD, "releases": released("model", "statistics")}, "part of the metrics"),
    ],
)
def test_a_training_task_that_makes_no_sense(changes, words):
    with pytest.raises(ValueError, match=words):
        train_task(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": Label(name="click", owner="shop")}, "'label' and 'split'"),
        ({"baselines": ("initiator",)}, "'baselines'"),
        ({"releases": (Release(what=Released.MODEL, to="shop"),)}, "can't release model"),
        ({"releases": ()}, "must release its predictions"),
    ],
)
def test_a_prediction_task_that_makes_no_sense(changes, words):
    with pytest.raises(ValueError, match=words):
        predict_task(train_task(), **changes)


def test_same_work():
    train = train_task()
    assert same_work(predict_task(train), train)
    assert not same_work(predict_task(train, id=replace(train.id, name="key")), train)
    assert not same_work(train_task(providers=("maps",)), train)
    assert not same_work(predict_task(train), train_task(crosses=(CROSS,)))


def test_crosses_belong_to_those_who_hold_all_their_columns():
    task = train_task(crosses=(CROSS,))
    assert crosses_of(task) == crosses_of(task, ("media", "shop")) == (CROSS,)
    assert crosses_of(task, ("shop",)) == crosses_of(train_task()) == ()
    assert [feature.name for feature in features_of(task)] == ["city", "page", "city_page"]
    assert CROSS.owner == "*"
    assert Cross(name="x", of=(("shop", "a"), ("shop", "b"))).owner == "shop"
    with pytest.raises(ValueError, match="crossed with itself"):
        Cross(name="x", of=(("shop", "a"), ("shop", "a")))


@pytest.mark.parametrize(("kind", "good"), [(Digest, "0" * 96), (Name, "shop-1")])
def test_a_line_break_at_the_end_is_no_part_of_a_name(kind, good):
    assert decode(encode(good), kind) == good
    with pytest.raises(NotCanonical):
        decode(encode(good + "\n"), kind)


def test_a_task_that_asks_for_nothing_new_is_written_as_before():
    written = encode(train_task())
    assert not [word for word in (b'"evaluation"', b'"tuning"', b'"gate"') if word in written]


COLUMN = OwnedColumn(owner="media", name="day", kind=Kind.NUMERIC)
TRIALS = {"trials": 1, "minutes": 1.0}
SPACE = {"epochs": Choices(values=(1, 2))}
EPOCHS = {"epochs": Range(low=1, high=2)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tuning": Tuning(method="random", choices=SPACE, **TRIALS)}, "set 'validation' above 0"),
        ({"evaluation": Evaluation(resamples=10)}, "compares with both baselines"),
        ({"evaluation": Evaluation(importance=1)}, "'feature-importance' is released by tasks that ask"),
        ({"evaluation": Evaluation(time=replace(COLUMN, owner="maps"))}, "not a participant"),
        ({"evaluation": Evaluation(time=replace(COLUMN, name="id"))}, "split or grouped by the id"),
        ({"evaluation": Evaluation(time=replace(COLUMN, name="page"))}, "it has one kind"),
        ({"releases": released(Released.MODEL, Released.LIFT)}, "released by tasks that ask"),
        (
            {
                "evaluation": Evaluation(importance=1),
                "releases": released(Released.MODEL, Released.IMPORTANCE),
            },
            "a part of the metrics",
        ),
    ],
)
def test_an_evaluation_that_makes_no_sense(changes, words):
    with pytest.raises(ValueError, match=words):
        train_task(**changes)


def test_a_prediction_is_not_evaluated():
    with pytest.raises(ValueError, match="belong to training tasks"):
        predict_task(train_task(), gate=Gate(membership_advantage=1.0, leakage_auc=1.0))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Evaluation(time=COLUMN, folds=HeldFolds(column=COLUMN, held=("1",))), "choose one"),
        (lambda: Evaluation(time=replace(COLUMN, kind=Kind.CATEGORICAL)), "numeric column"),
        (lambda: Evaluation(cross_validation=1), "two folds or more"),
        (lambda: Evaluation(cross_validation=2, keep_negatives=0.5, validation=0.1), "does not go with"),
        (lambda: Evaluation(keep_negatives=0.5), "needs 'validation'"),
        (lambda: HeldFolds(column=COLUMN, held=("one",)), "not a number"),
        (lambda: HeldFolds(column=COLUMN, held=("1", "1")), "names a value twice"),
        (lambda: Tuning(method="random", **TRIALS), "a parameter to search"),
        (lambda: Tuning(method="random", choices=SPACE, ranges=EPOCHS, **TRIALS), "not both"),
        (lambda: Tuning(method="grid", ranges=EPOCHS, **TRIALS), "no 'ranges'"),
        (lambda: Range(low=1.0, high=1.0), "'low' below its 'high'"),
        (lambda: Range(low=0.0, high=1.0, log=True), "above 0"),
        (lambda: Range(low=0.5, high=1.0, integer=True), "integer ends"),
    ],
)
def test_terms_of_an_evaluation_that_make_no_sense(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_what_rows_are_grouped_by_is_used_of_its_owner():
    task = train_task(evaluation=Evaluation(time=COLUMN))
    assert columns_of(task, "media") == ("page", "day")
    assert columns_of(task, "shop") == ("city", "click")


def test_an_evaluation_reads_back_as_it_was_written():
    asked = Evaluation(folds=HeldFolds(column=COLUMN, held=("1",)), thresholds=(0.5,))
    tuning = Tuning(method="tpe", ranges={"x": Range(low=0.1, high=1.0)}, choices=SPACE, **TRIALS)
    assert decode(encode(asked), Evaluation) == asked
    assert decode(encode(tuning), Tuning) == tuning
