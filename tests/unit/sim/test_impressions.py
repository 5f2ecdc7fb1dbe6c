import numpy as np
import pyarrow.csv as pa_csv
import pytest

from confide.algorithms.metrics import auc
from confide.core.features import Feature, Kind
from confide.data.alignment.join import join
from confide.data.columns import take_columns
from confide.data.dataset import PreparedDataset
from confide.data.inspect import inspect
from confide.data.manifest import Reason
from confide.data.prepare import prepare
from confide_sim.impressions import UNREADABLE_ROWS, generate

ROWS, LATER_ROWS = 60_000, 2_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("impressions")


@pytest.fixture(scope="module")
def files(folder):
    return generate(folder, rows=ROWS, later_rows=LATER_ROWS)


@pytest.fixture(scope="module")
def datasets(files, folder):
    prepared = {}
    for party, path in {"a": files.advertiser, "b": files.publisher}.items():
        prepare(path, inspect(path).schema, folder / party)
        prepared[party] = PreparedDataset.open(folder / party)
    return prepared


@pytest.fixture(scope="module")
def joined(datasets):
    tables = {party: dataset.table() for party, dataset in datasets.items()}
    return tables, join(tables, dict.fromkeys(tables, "impression"))


def test_each_side_has_unmatched_and_unreadable_rows(datasets, joined):
    for party, counts in joined[1].counts.items():
        assert datasets[party].manifest.quarantined == {Reason.NOT_A_NUMBER: UNREADABLE_ROWS}
        assert 0.005 * ROWS < counts.unmatched < 0.02 * ROWS
        assert counts.quarantined == 0
    assert joined[1].size > 0.95 * ROWS


def test_base_rate(joined):
    tables, _ = joined
    assert 0.15 < np.mean(tables["a"].column("click").to_numpy()) < 0.25


def test_later_slice_has_equal_id_sets(files):
    ids = {}
    for path in (files.advertiser_later, files.publisher_later, files.clicks_later):
        table = pa_csv.read_csv(path)
        assert table.num_rows == LATER_ROWS
        ids[path] = table.column("impression").to_pylist()
    a, b, clicks = ids.values()
    assert sorted(a) == sorted(b)
    assert a != b
    assert a == clicks
    assert "click" not in pa_csv.read_csv(files.advertiser_later).column_names
    assert not set(a) & set(pa_csv.read_csv(files.advertiser).column("impression").to_pylist())


def rates(keys, clicks, training):
    """For each row, the smoothed click rate of its key among the training rows."""
    count = int(keys.max()) + 1
    shown = np.bincount(keys[training], minlength=count)
    clicked = np.bincount(keys[training], clicks[training], minlength=count)
    return ((clicked + 5 * clicks.mean()) / (shown + 5))[keys]


def test_the_interaction_is_what_tells(joined):
    tables, alignment = joined
    fields = [
        (party, Feature(name=column, kind=Kind.CATEGORICAL))
        for party, column in (("a", "category"), ("a", "campaign"), ("b", "interest"), ("b", "placement"))
    ]
    columns = take_columns(tables, alignment.rows, fields)
    clicks = tables["a"].column("click").to_numpy()[alignment.rows["a"]]
    training = np.arange(clicks.size) < 0.8 * clicks.size
    codes = {name: np.unique(values, return_inverse=True)[1] for (_, name), values in columns.items()}

    def quality(score):
        return auc(clicks[~training], score[~training])

    alone = {name: rates(keys, clicks, training) for name, keys in codes.items()}
    pair = rates(codes["category"] * 100 + codes["interest"], clicks, training)
    of_a = quality(alone["campaign"])
    additive = quality(sum(np.log(rate / (1 - rate)) for name, rate in alone.items() if name != "category"))
    assert quality(pair) > of_a + 0.1
    assert quality(pair) > additive + 0.06


def test_same_arguments_same_bytes(tmp_path):
    first = generate(tmp_path / "1", rows=500, later_rows=50, seed=3)
    again = generate(tmp_path / "2", rows=500, later_rows=50, seed=3)
    other = generate(tmp_path / "3", rows=500, later_rows=50, seed=4)
    assert first.publisher.read_bytes() == again.publisher.read_bytes()
    assert first.advertiser.read_bytes() == again.advertiser.read_bytes()
    assert first.advertiser.read_bytes() != other.advertiser.read_bytes()
