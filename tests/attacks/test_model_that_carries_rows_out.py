"""T-38: a model is made to carry out rows or labels. What the gate asks of it is above the task's limits."""

import functools

import numpy as np
import pytest
from fakes.outcomes import completed, ended
from fakes.shop import dataset_of, train_job, world
from fakes.spooling import run_out_of_core
from fakes.world import train_task

from confide.core.errors import ModelKeptBack
from confide.core.features import Feature, Kind
from confide.data.schema import IdColumn, IdType, LabelColumn, Schema
from confide.protocol.evaluation import Evaluation, Gate
from confide.protocol.terms import Release, Released

ROWS = 1_000
GATE = Gate(membership_advantage=0.25, leakage_auc=0.9)
HONEST = {"epochs": 2, "embedding_size": 2, "attention_size": 2, "batch_size": 64}
GREEDY = HONEST | {"epochs": 15, "learning_rate": 0.5, "embedding_size": 8}
"""Learns every row by heart, where a column tells rows apart."""


@functools.cache
def datasets(page):
    """`page`: what the provider's column holds of a row: a topic, nearly its id, or the label."""
    random = np.random.default_rng(17)
    city, topic = random.integers(0, 5, (2, ROWS))
    click = (random.random(ROWS) < np.where(city == topic, 0.7, 0.3)).astype(int)
    values = {"topic": topic, "id": np.arange(ROWS) // 2, "label": click * 7 + 11}[page]
    shop = "".join(f"{row},{click[row]},c{city[row]}\n" for row in range(ROWS))
    media = "".join(f"{row},p{values[row]}\n" for row in range(ROWS))
    of_ids = IdColumn("id", IdType.INTEGER)
    labelled = Schema(id=of_ids, label=LabelColumn("click"), columns={"city": Kind.CATEGORICAL})
    return {
        "shop": dataset_of("id,click,city\n" + shop, labelled),
        "media": dataset_of("id,page\n" + media, Schema(id=of_ids, columns={"page": Kind.CATEGORICAL})),
    }


def training(page, parameters, gate=GATE):
    """Everything that a training may release, it releases: the gate must hold back all of it."""
    told = (Released.HELD_OUT, Released.IMPORTANCE)
    task = {
        "features": {party: (Feature(name=name, kind=Kind.CATEGORICAL),) for party, name in COLUMNS.items()},
        "evaluation": Evaluation(validation=0.2, importance=1),
        "releases": (*train_task().releases, *(Release(what=what, to="shop") for what in told)),
        "gate": gate,
    }
    job = train_job(datasets(page)["shop"], parameters, **task)
    return world(job, offered={"media": datasets(page)["media"]})


COLUMNS = {"shop": "city", "media": "page"}


def test_an_honest_model_passes_and_its_figures_stand_in_everybodys_receipt():
    ran = training("topic", HONEST)
    ran.run()
    completed(ran)
    for name in COLUMNS:
        figures = ran.kept[name].receipts[0].receipt.rounds[0].gate
        assert 0 <= figures.membership_advantage < GATE.membership_advantage
        assert 0.5 < figures.leakage_auc < GATE.leakage_auc


def test_a_model_that_knows_its_rows_by_heart_stays_in_the_enclave():
    ran = training("id", GREEDY)
    ran.run()
    ended(ran, ModelKeptBack, None)
    assert "training rows" in ran.errors["media"].message


def test_out_of_core_it_stays_as_well(tmp_path):
    ran = training("id", GREEDY)
    run_out_of_core(ran, tmp_path, 256)
    ended(ran, ModelKeptBack, None)


@pytest.mark.parametrize("parameters", [HONEST, GREEDY], ids=["honest", "greedy"])
def test_a_column_that_is_the_label_under_another_name_is_named(parameters):
    ran = training("label", parameters)
    ran.run()
    ended(ran, ModelKeptBack, None)
    assert "media.page" in ran.errors["shop"].message


def test_without_a_gate_the_same_models_leave():
    """Control: it is the gate that holds them."""
    for page in ("id", "label"):
        ran = training(
            page, GREEDY if page == "id" else HONEST, Gate(membership_advantage=1.0, leakage_auc=1.0)
        )
        ran.run()
        completed(ran)
        figures = ran.kept["media"].receipts[0].receipt.rounds[0].gate
        above = {
            "id": figures.membership_advantage > GATE.membership_advantage,
            "label": figures.leakage_auc > GATE.leakage_auc,
        }
        assert above[page]
