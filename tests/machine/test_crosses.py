"""Crosses made in the enclave: as an owner makes them of its own columns, and over the columns of parties."""

import functools
import json

import numpy as np
import pytest
import xxhash
from fakes.outcomes import completed
from fakes.shop import dataset_of, world
from fakes.spooling import run_out_of_core
from fakes.world import bring, predict_task, train_task

from confide.algorithms.model import Model
from confide.app.models import OpenedModel
from confide.app.plain_prediction import predict as predict_plainly
from confide.core.errors import ModelFileInvalid
from confide.core.features import CROSSED, Cross, Feature, Kind
from confide.core.platform_api import TaskKind
from confide.data.dataset import PreparedDataset
from confide.data.prepare import prepare
from confide.data.schema import IdColumn, IdType, LabelColumn, Schema
from confide.estimators import load
from confide.export.encoding import inputs_of
from confide.export.onnx_model import onnx_bytes
from confide.party.initiator import Job
from confide.protocol.terms import Encoding

ROWS = 1_500
LINEAR = {"epochs": 5, "learning_rate": 0.3}
PAGE, ZONE, PAGE_ZONE = (Feature(name=name, kind=Kind.CATEGORICAL) for name in ("page", "zone", "page_zone"))
CITY = (Feature(name="city", kind=Kind.CATEGORICAL),)
OF_IDS = IdColumn("id", IdType.INTEGER)
OVER_PARTIES = (Cross(name="city_page", of=(("shop", "city"), ("media", "page"))),)
AT_ONE = (Cross(name="page_zone", of=(("media", "page"), ("media", "zone"))),)


@functools.cache
def sources():
    """A click depends on whether city and page agree: neither tells it by itself. Some pages lack."""
    random = np.random.default_rng(23)
    city, page, zone = random.integers(0, 8, (3, ROWS))
    click = (random.random(ROWS) < np.where((city + page) % 2, 0.9, 0.1)).astype(int)
    shop = "".join(f"{row},{click[row]},c{city[row]}\n" for row in range(ROWS))
    media = "".join(f"{row},{'' if row % 50 == 7 else f'p{page[row]}'},z{zone[row]}\n" for row in range(ROWS))
    return "id,click,city\n" + shop, "id,page,zone\n" + media


@functools.cache
def shop():
    columns = {"city": Kind.CATEGORICAL}
    return dataset_of(sources()[0], Schema(id=OF_IDS, label=LabelColumn("click"), columns=columns))


@functools.cache
def media(*, crossed=False):
    columns = {"page": Kind.CATEGORICAL, "zone": Kind.CATEGORICAL}
    crosses = {"page_zone": ("page", "zone")} if crossed else {}
    return dataset_of(sources()[1], Schema(id=OF_IDS, columns=columns, crosses=crosses))


def training(features, crosses=None, *, crossed=False, folder=None, **changes):
    given = {"crosses": crosses} if crosses else {}
    task = train_task(features={"shop": CITY, "media": features}, **given, **changes)
    ran = world(Job(task, "linear", LINEAR, shop()), offered={"media": media(crossed=crossed)})
    ran.run() if folder is None else run_out_of_core(ran, folder, 400)
    completed(ran)
    return ran


@functools.cache
def over_parties():
    return training((PAGE, ZONE), OVER_PARTIES)


def model_of(ran):
    return Model.read(ran.kept["shop"].results[0][3])


def metrics_of(ran):
    return ran.kept["shop"].results[0][2].metrics


HASHED = Encoding(vocabulary="hashed", bits=7)


@pytest.mark.parametrize("encoding", [Encoding(), HASHED], ids=["exact", "hashed"])
def test_the_enclaves_cross_is_the_one_that_the_owner_makes(encoding):
    by_owner = training((PAGE, ZONE, PAGE_ZONE), crossed=True, encoding=encoding)
    in_enclave = training((PAGE, ZONE), AT_ONE, encoding=encoding)
    ours, theirs = model_of(in_enclave), model_of(by_owner)
    assert {name: array.tobytes() for name, array in ours.file.arrays.items()} == {
        name: array.tobytes() for name, array in theirs.file.arrays.items()
    }
    assert metrics_of(in_enclave)["joint"] == metrics_of(by_owner)["joint"]
    assert [mapping for _, mapping, _ in ours.encoder.index_space] == [
        mapping for _, mapping, _ in theirs.encoder.index_space
    ]


def test_a_cross_over_parties_tells_what_no_column_tells(tmp_path):
    without = metrics_of(training((PAGE, ZONE)))["joint"]["auc"]
    found = metrics_of(over_parties())
    assert without < 0.6
    assert found["joint"]["auc"] > 0.8
    assert found["initiator"]["auc"] < 0.6, "a baseline has no cross of others' columns"
    assert metrics_of(training((PAGE, ZONE), OVER_PARTIES, folder=tmp_path))["joint"]["auc"] > 0.8
    assert model_of(over_parties()).encoder.fields[-1] == (CROSSED, "city_page")


def scores_of(ran):
    lines = ran.kept["shop"].results[-1][3].decode().splitlines()[1:]
    return {int(row): float(score) for row, score in (line.split(",") for line in lines)}


def test_predictions_are_the_same_in_any_enclave_plainly_and_in_onnx(tmp_path):
    trained = over_parties()
    task = predict_task(trained._jobs[0].task)
    job = Job(task, "linear", LINEAR, shop(), bring(trained))
    ran = world(job, offered={"media": media()}, kind=TaskKind.PREDICT)
    ran.run()
    completed(ran)
    out_of_core = world(job, offered={"media": media()}, kind=TaskKind.PREDICT)
    (tmp_path / "spool").mkdir()
    run_out_of_core(out_of_core, tmp_path / "spool", 400)
    completed(out_of_core)
    scores = scores_of(ran)
    assert scores_of(out_of_core) == scores
    datasets = [prepared(tmp_path, name) for name in ("shop", "media")]
    opened = OpenedModel.read(written(trained, tmp_path))
    plain = predict_plainly(opened, datasets)
    assert plain.absent == ()
    assert opened.document()["crosses"] == {"city_page": ["shop.city", "media.page"]}
    by_row = dict(zip(plain.ids.to_pylist(), plain.scores.tolist(), strict=True))
    assert scores == pytest.approx(by_row, abs=1e-6)
    in_onnx = scored_by_onnx(opened.model, datasets)
    assert np.abs(in_onnx - [scores[row] for row in range(ROWS)]).max() < 1e-5


def written(ran, folder):
    """The model and its papers, as they lie in A's folder."""
    (folder / "model.confide").write_bytes(ran.kept["shop"].results[0][3])
    return folder / "model.confide"


def prepared(folder, name):
    columns = dict.fromkeys({"shop": ("city",), "media": ("page", "zone")}[name], Kind.CATEGORICAL)
    (folder / f"{name}.csv").write_text(sources()[name == "media"])
    prepare(folder / f"{name}.csv", Schema(id=OF_IDS, columns=columns), folder / name)
    return PreparedDataset.open(folder / name)


def scored_by_onnx(model, datasets):
    onnxruntime = pytest.importorskip("onnxruntime")
    codes = {}
    for name, dataset in zip(("shop", "media"), datasets, strict=True):
        table = dataset.table().sort_by("id")
        for column in set(table.column_names) - {"id"}:
            codes[f"{name}.{column}"] = table.column(column).to_numpy()
    pairs = zip(codes["shop.city"], codes["media.page"], strict=True)
    crossed = [xxhash.xxh3_64_intdigest(a.tobytes() + b.tobytes()) if a and b else 0 for a, b in pairs]
    codes["*.city_page"] = np.array(crossed, np.uint64)
    inputs = inputs_of(model.encoder)
    assert "codes of shop.city and media.page" in inputs["*.city_page"]["meaning"]
    session = onnxruntime.InferenceSession(onnx_bytes(model, "0"), providers=["CPUExecutionProvider"])
    return session.run(None, {name: codes[name].view(np.int64) for name in inputs})[0]


def test_the_estimator_of_such_a_model_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ModelFileInvalid, match="confide model predict"):
        load(written(over_parties(), tmp_path))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"of": [["shop", "city"]]}, "length"),
        ({"of": [["shop", "city"], ["media", "nothing"]]}, "categorical fields"),
        ({"of": None}, "of"),
        ({"party": "shop"}, "a cross, and only a cross"),
    ],
)
def test_a_model_that_crosses_what_is_not_there_is_none(change, word):
    file = model_of(over_parties()).file
    document = json.loads(json.dumps(file.encoding))
    document["fields"][-1] |= change
    with pytest.raises(ModelFileInvalid, match=word):
        type(model_of(over_parties()).encoder).from_document(document)
