"""TASK.toml: what is written becomes the task that is agreed, and what is wrong is named."""

import pytest

from confide.app import task_file
from confide.core.errors import AlgorithmNotListed, ConfigurationError, ParameterInvalid
from confide.core.features import Cross, Kind, Transform
from confide.core.platform_api import TaskKind
from confide.protocol.terms import Released

TRAIN = """
name = "clicks"
dataset = "prepared"
providers = ["media"]
[id]
name = "row"
type = "integer"
[label]
name = "click"
[features.shop]
city = "categorical"
price = { kind = "numeric", transform = "buckets", boundaries = [1, 2.5] }
[features.media]
page = "categorical"
"""


@pytest.fixture
def write(tmp_path):
    def to(text, name="task.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return to


def test_defaults_are_the_documented_ones(write):
    file, task = task_file.read_train(write(TRAIN), "shop")
    assert task.kind is TaskKind.TRAIN
    assert task.participants == ("shop", "media")
    assert task.label.owner == "shop"
    assert task.split.holdout == 0.2
    assert task.baselines == ("initiator",)
    assert [release.what for release in task.releases] == ["model", "metrics"]
    assert {release.to for release in task.releases} == {"shop"}
    price = task.features["shop"][1]
    assert (price.kind, price.transform, price.boundaries) == (Kind.NUMERIC, Transform.BUCKETS, (1.0, 2.5))
    assert task_file.parameters_of(file)["epochs"] >= 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (('type = "integer"', 'type = "uuid"'), "id.type"),
        (('city = "categorical"', 'city = "text"'), "features.shop.city"),
        (('page = "categorical"', 'page = { kind = "categorical", transform = "log1p" }'), "page"),
        (("boundaries = [1, 2.5]", "boundaries = [2, 1]"), "increasing"),
        (('providers = ["media"]', 'providers = ["media", "media"]'), "twice"),
        (('providers = ["media"]', 'providers = ["maps"]'), "features"),
        (('providers = ["media"]', 'providers = ["maps", "Media"]'), "features"),
        (('name = "clicks"', 'name = ""'), "name"),
        (('name = "clicks"', 'name = "clicks"\nsurprise = 1'), "surprise"),
        (('[label]\nname = "click"', '[label]\nname = "city"'), "label"),
        (('[label]\nname = "click"', '[label]\nname = "click"\nowner = "maps"'), "owner"),
        (('dataset = "prepared"\n', ""), "dataset"),
        (('name = "clicks"', "name = clicks"), "task.toml"),
    ],
)
def test_what_is_wrong_is_named(write, change, word):
    assert change[0] in TRAIN
    with pytest.raises(ConfigurationError, match=word):
        task_file.read_train(write(TRAIN.replace(*change)), "shop")


def test_parameters_and_algorithms_are_checked_before_anything_is_proposed(write):
    file, _ = task_file.read_train(write(TRAIN + "[algorithm.parameters]\nepochs = 0\n"), "shop")
    with pytest.raises(ParameterInvalid, match="epochs"):
        task_file.parameters_of(file)
    file, _ = task_file.read_train(write(TRAIN + '[algorithm]\nname = "tree"\n'), "shop")
    with pytest.raises(AlgorithmNotListed, match="afm"):
        task_file.parameters_of(file)


def test_a_prediction_takes_everything_from_the_training(write):
    _, trained = task_file.read_train(write(TRAIN), "shop")
    path = write('name = "later"\ndataset = "prepared-later"\nmodel = "m.confide"\n', "predict.toml")
    task = task_file.predict_task(task_file.read_predict(path), path, trained)
    assert task.kind is TaskKind.PREDICT
    assert (task.features, task.id, task.encoding) == (trained.features, trained.id, trained.encoding)
    assert [release.what for release in task.releases] == ["predictions"]


def test_crosses_name_columns_of_any_party(write):
    table = '[crosses]\ncity_page = ["shop.city", "media.page"]\n'
    _, task = task_file.read_train(write(TRAIN + table), "shop")
    assert task.crosses == (Cross(name="city_page", of=(("shop", "city"), ("media", "page"))),)
    path = write('name = "later"\ndataset = "d"\n', "predict.toml")
    assert task_file.predict_task(task_file.read_predict(path), path, task).crosses == task.crosses
    for wrong, word in (
        ('"city"', "PARTY.COLUMN"),
        ('"shop.price"', "categorical feature"),
        ('"media.page"', "itself"),
    ):
        with pytest.raises(ConfigurationError, match=word):
            task_file.read_train(write(TRAIN + table.replace('"shop.city"', wrong)), "shop")


STATISTICS = '[statistics]\nfigures = ["missing", "mean", "label-correlation", "drift"]\n'


def test_statistics_are_asked_of_all_columns_they_fit_or_of_single_ones(write):
    single = STATISTICS + 'columns.media.page = ["cardinality"]\n'
    _, task = task_file.read_train(write(TRAIN + single), "shop")
    assert task.statistics.columns == {
        "shop": {
            "city": ("missing", "label-correlation", "drift"),
            "price": ("missing", "mean", "label-correlation", "drift"),
        },
        "media": {"page": ("cardinality",)},
    }
    assert task.statistics.minimum_rows == 100
    assert Released.STATISTICS in {release.what for release in task.releases}
    one = STATISTICS.replace('"drift"]', '"drift"]\ncolumns.media.page = ["missing"]')
    later = write('name = "later"\ndataset = "d"\n' + one, "predict.toml")
    asked = task_file.predict_task(task_file.read_predict(later), later, task).statistics
    assert asked.columns["shop"] == {"city": ("missing", "drift"), "price": ("missing", "mean", "drift")}


def test_drift_is_told_of_columns_whose_training_has_released_it(write):
    _, task = task_file.read_train(write(TRAIN + '[statistics]\ncolumns.media.page = ["drift"]\n'), "shop")
    later = write('name = "later"\ndataset = "d"\n[statistics]\nfigures = ["drift"]\n', "predict.toml")
    with pytest.raises(ConfigurationError, match=r"drift of shop\.city, shop\.price can't be told"):
        task_file.predict_task(task_file.read_predict(later), later, task)


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ("[statistics]\n", "tells nothing"),
        ('[statistics]\nfigures = ["least"]\n', "figures"),
        ('[statistics]\nminimum_rows = 19\nfigures = ["missing"]\n', "minimum_rows"),
        ('[statistics]\ncolumns.media.zone = ["missing"]\n', "no feature 'zone'"),
        ('[statistics]\ncolumns.maps.page = ["missing"]\n', "no feature 'page'"),
        ('[statistics]\ncolumns.media.page = ["mean"]\n', "no mean"),
        ('[statistics]\ncolumns.media.page = ["drift", "drift"]\n', "named twice"),
        ("[statistics]\ncolumns.media.page = []\n", "length >= 1"),
    ],
)
def test_statistics_that_make_no_sense_are_named(write, table, word):
    with pytest.raises(ConfigurationError, match=word):
        task_file.read_train(write(TRAIN + table), "shop")


def test_a_prediction_has_no_label_to_correlate_with(write):
    _, trained = task_file.read_train(write(TRAIN), "shop")
    table = '[statistics]\ncolumns.media.page = ["label-correlation"]\n'
    path = write('name = "later"\ndataset = "d"\n' + table, "predict.toml")
    with pytest.raises(ConfigurationError, match="no label to correlate"):
        task_file.predict_task(task_file.read_predict(path), path, trained)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.toml"):
        task_file.read_train(tmp_path / "absent.toml", "shop")
