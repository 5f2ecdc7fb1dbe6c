"""Consent binds whatever way it is tried: bringing the model back, answering slowly, repeating ids."""

import dataclasses

import pytest
from fakes.toy_datasets import toy_datasets
from fakes.world import (
    PARAMETERS,
    Authority,
    World,
    bring,
    predict_task,
    train_task,
)

from confide.core.errors import ModelNotUsable, OfferDeclined, OfferExpired, TooManyQuarantined
from confide.core.platform_api import TaskKind
from confide.data.alignment import join as joining
from confide.enclave.rows import opened
from confide.party.initiator import Job
from confide.party.ports import Yes
from confide.protocol.terms import Label


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    parties = {"shop": ["city"], "media": ["page"], "maps": ["page"]}
    return toy_datasets(tmp_path_factory.mktemp("data"), parties)


def world(authority, data, *jobs, providers=("media",), **changes):
    first = list(jobs) or [Job(train_task(providers=providers), "afm", PARAMETERS, data["shop"])]
    offered = {name: dict.fromkeys(TaskKind, data[name]) for name in providers}
    return World(authority, first, offered, **changes)


def test_a_model_brought_back_into_its_own_enclave_is_counted_like_any_other(authority, data):
    def no_predictions(name, offer, measurement):
        return Yes(ran.consent(name, offer.task, measurement, predictions=0), data[name])

    ran = world(authority, data, decide=no_predictions)
    script = ran.scripts["shop"]
    ordinary, asked = script._next, []

    def then_bring_it_back():
        if ran.kept["shop"].results and not asked:
            asked.append(True)
            job = Job(predict_task(train_task()), "afm", PARAMETERS, data["shop"], bring(ran))
            script._jobs.append(job)
        return ordinary()

    script._next = then_bring_it_back
    ran.run()
    assert asked
    assert isinstance(ran.errors["shop"], ModelNotUsable)
    assert "consented to 0 predictions" in str(ran.errors["shop"])
    assert [result[0].kind for result in ran.kept["shop"].results] == ["model"]


def test_the_time_to_answer_runs_from_the_offer_whoever_else_answers(authority, data):
    start = authority.clock.time
    ran = world(authority, data, providers=("media", "maps"))
    try:
        ran.join("shop")
        ran.step()
        ran.step()
        authority.clock.time = start + 500
        ran.join("media")
        while ran.wire:
            ran.step()
        ran.tick()
        assert ran.errors == {}
        authority.clock.time = start + 601
        ran.tick()
        assert isinstance(ran.errors["enclave"], OfferExpired)
        assert ran.errors["enclave"].blame == "maps"
    finally:
        authority.clock.time = start


def test_a_providers_own_label_needs_its_consent(authority, data):
    task = train_task(label=Label(name="click", owner="media"))

    def features_only(name, offer, measurement):
        return Yes(ran.consent(name, offer.task, measurement, columns=("page",)), data[name])

    ran = world(authority, data, Job(task, "afm", PARAMETERS, data["shop"]), decide=features_only)
    ran.run()
    assert isinstance(ran.errors["enclave"], OfferDeclined)
    assert ran.errors["enclave"].blame == "media"


def test_rows_quarantined_in_the_enclave_count_towards_the_share(authority, data, monkeypatch):
    def repeated(tables, id_names):
        """As if 200 of media's 256 ids came twice; prepare would not have let them."""
        found = joining.join(tables, id_names)
        few = joining.RowCounts(sent=256, joined=56, unmatched=0, quarantined=200)
        return dataclasses.replace(found, counts={**found.counts, "media": few})

    monkeypatch.setattr(opened, "join", repeated)
    ran = world(authority, data)
    ran.run()
    assert isinstance(ran.errors["enclave"], TooManyQuarantined)
    assert ran.errors["enclave"].blame == "media"
    assert ran.kept["shop"].results == []
