import pytest
from fakes.world import predict_task, train_task
from msgspec.structs import replace

from confide.core.canonical import NotCanonical, decode, encode
from confide.core.features import Feature, Kind
from confide.protocol.document import Name
from confide.protocol.terms import Digest, Label, Release, Released, same_work

FEATURE = Feature(name="page", kind=Kind.CATEGORICAL)


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


@pytest.mark.parametrize(("kind", "good"), [(Digest, "0" * 96), (Name, "shop-1")])
def test_a_line_break_at_the_end_is_no_part_of_a_name(kind, good):
    assert decode(encode(good), kind) == good
    with pytest.raises(NotCanonical):
        decode(encode(good + "\n"), kind)
