"""A training that starts from a model of an earlier one: what is agreed, what is refused, what it learns."""

import functools

import pytest
from fakes.mischief import twist, twist_enclave
from fakes.outcomes import completed, heard
from fakes.shop import datasets, predict_job, train_job, world
from fakes.spooling import run_out_of_core
from fakes.world import PARAMETERS, bring, predict_task, train_task
from msgspec.structs import replace

from confide.algorithms import model_file
from confide.core import canonical
from confide.core.digest import sha384_hex
from confide.core.errors import AgreementMismatch, ModelNotUsable, OfferDeclined
from confide.core.features import Feature, Kind
from confide.enclave.coordination.context import Say
from confide.party.initiator import Job
from confide.protocol.blocks import SignedBlock
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind as MessageKind
from confide.protocol.terms import Encoding

ZERO = "0" * 96
STANDING = PARAMETERS | {"learning_rate": 1e-30}
"""So small that what comes out is what it started from."""


@functools.cache
def trained():
    ran = world()
    ran.run()
    completed(ran)
    return ran


def model_of(ran):
    return model_file.read(ran.kept["shop"].results[0][3])


def again(parameters=None, brought=None, **changes):
    """The world of a training that starts from the model of `trained`."""
    task = train_task(baselines=(), **changes)
    return world(Job(task, "afm", parameters or STANDING, datasets()["shop"], brought or bring(trained())))


def agreement(ran):
    return canonical.decode(model_of(ran).train_block.encode(), SignedBlock)


def test_the_new_model_starts_from_the_old_one_and_names_it():
    ran = again()
    ran.run()
    completed(ran)
    old, new = model_of(trained()), model_of(ran)
    assert new.encoding == old.encoding
    for name, array in old.arrays.items():
        assert new.arrays[name] == pytest.approx(array, rel=1e-6), name
    digest = sha384_hex(bring(trained()).data)
    (offer,) = heard(ran, "media", MessageKind.OFFER)
    assert offer.model.sha384 == agreement(ran).block.warm_start == digest
    assert agreement(trained()).block.warm_start is None


def test_another_vocabulary_and_out_of_core(tmp_path):
    ran = again(encoding=Encoding(vocabulary="hashed", bits=5))
    run_out_of_core(ran, tmp_path, 32)
    completed(ran)
    old, new = model_of(trained()), model_of(ran)
    assert new.arrays["projection"] == pytest.approx(old.arrays["projection"], rel=1e-6)
    assert len(new.arrays["linear"]) == 66


def test_the_baseline_starts_from_nothing():
    """It may see A's columns alone: a model of both parties' knows more."""
    ran = world(Job(train_task(), "afm", PARAMETERS, datasets()["shop"], bring(trained())))
    ran.run()
    completed(ran)
    first, second = (kept.results[0][2].metrics for kept in (trained().kept["shop"], ran.kept["shop"]))
    assert first["initiator"] == second["initiator"]
    assert second["joint"]["logloss"] < first["joint"]["logloss"]


def test_predictions_may_follow():
    brought = bring(trained())
    job = Job(train_task(), "afm", PARAMETERS, datasets()["shop"], brought)
    ran = world(job, predict_job(predict_task(train_task())))
    ran.run()
    completed(ran)
    assert [statement.kind for statement, *_ in ran.kept["shop"].results] == ["model", "predictions"]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"embedding_size": 3}, "embedding_size"),
        ({"attention_size": 3}, "attention_size"),
        ({"precision": "float64"}, "precision"),
        ({"loss": "squared"}, "loss"),
    ],
)
def test_a_model_whose_numbers_mean_something_else_is_refused(parameters, reason):
    ran = again(parameters=PARAMETERS | parameters)
    ran.run()
    (refusal,) = heard(ran, "shop", MessageKind.REFUSAL)
    assert refusal.code == ModelNotUsable.code
    assert reason in refusal.reason
    assert not heard(ran, "media", MessageKind.OFFER)


def wrong(change):
    ran = again()
    twist(ran, "shop").changes[MessageKind.PROPOSAL] = lambda said: [Spoken(change(said.message))]
    ran.run()
    return heard(ran, "shop", MessageKind.REFUSAL)[0]


def test_another_algorithm_is_refused():
    ran = world(
        Job(train_task(), "fm", {"embedding_size": 2, "epochs": 1}, datasets()["shop"], bring(trained()))
    )
    ran.run()
    assert "another algorithm" in heard(ran, "shop", MessageKind.REFUSAL)[0].reason


@pytest.mark.parametrize(
    "change",
    [
        lambda proposal: replace(proposal, model=replace(proposal.model, train_block=ZERO)),
        lambda proposal: replace(proposal, model=replace(proposal.model, sha384=ZERO)),
        lambda proposal: replace(proposal, model=replace(proposal.model, brought=None)),
    ],
)
def test_wrong_papers_are_refused(change):
    assert wrong(change).code == ModelNotUsable.code


def test_a_model_of_other_participants_is_refused():
    job = train_job(
        providers=("media", "maps"),
        features={
            name: (Feature(name=column, kind=Kind.CATEGORICAL),)
            for name, column in (("shop", "city"), ("media", "page"), ("maps", "page"))
        },
    )
    three = world(replace_model(job, bring(trained())))
    three.run()
    assert "other participants" in heard(three, "shop", MessageKind.REFUSAL)[0].reason


def replace_model(job, brought):
    return Job(job.task, job.algorithm, job.parameters, job.dataset, brought)


def test_a_provider_declines_a_model_whose_agreement_it_did_not_sign():
    ran = again()
    enclave = twist_enclave(ran)

    def unsigned(say):
        brought = say.message.model.brought
        signed = replace(brought.trained_under, signatures={"shop": brought.trained_under.signatures["shop"]})
        model = replace(say.message.model, brought=replace(brought, trained_under=signed))
        return [Say(say.to, replace(say.message, model=model), say.payload)]

    enclave.changes[MessageKind.OFFER] = unsigned
    ran.run()
    assert {type(error) for error in ran.errors.values()} == {OfferDeclined}


@pytest.mark.parametrize("party", ["shop", "media"])
@pytest.mark.parametrize("named", [None, ZERO])
def test_no_party_signs_a_block_with_another_model_to_start_from(party, named):
    ran = again()

    def change(say):
        if say.to != party:
            return [say]
        block = replace(say.message.block, warm_start=named)
        return [Say(say.to, replace(say.message, block=block), say.payload)]

    twist_enclave(ran).changes[MessageKind.BLOCK] = change
    ran.run()
    assert isinstance(ran.errors[party], AgreementMismatch)


@pytest.mark.parametrize("party", ["shop", "media"])
def test_no_party_signs_a_model_to_start_from_that_was_not_offered(party):
    ran = world()

    def change(say):
        block = replace(say.message.block, warm_start=ZERO)
        return [Say(say.to, replace(say.message, block=block), say.payload) if say.to == party else say]

    twist_enclave(ran).changes[MessageKind.BLOCK] = change
    ran.run()
    assert isinstance(ran.errors[party], AgreementMismatch)
