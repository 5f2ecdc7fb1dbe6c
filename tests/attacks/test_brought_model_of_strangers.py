"""Threat: the initiator brings a model that was not trained with these parties' consent (trained
elsewhere, with others, by itself, or stolen), to have it scored on the provider's rows, or to read the
rows out of its scores.

Measure: a model comes with the agreement under which it was trained, signed by all its parties and by its
enclave, and with that enclave's statement about its digest. The enclave and the provider check both.
"""

import functools

import pytest
from fakes.mischief import twist, twist_enclave
from fakes.outcomes import completed, heard
from fakes.shop import authority, datasets, predict_job, train_job, world
from fakes.world import Authority, World, bring, predict_task, train_task
from msgspec.structs import replace

from confide.core import canonical
from confide.core.digest import digest_of, sha384_hex
from confide.core.errors import ModelNotUsable, OfferDeclined
from confide.core.platform_api import TaskKind
from confide.crypto.keys import KeyKind, PrivateKey
from confide.party.initiator import ModelToBring
from confide.protocol.blocks import TRAIN_CONTEXT, SignedBlock
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind
from confide.protocol.messages import BroughtModel
from confide.protocol.provenance import signed_bytes
from confide.protocol.receipts import RESULT_CONTEXT


@functools.cache
def trained_by(*providers):
    ran = world(train_job(providers=providers))
    ran.run()
    completed_with(ran, providers)
    return ran


def completed_with(ran, providers):
    assert ran.errors == {}
    assert all(ran.kept[name].receipts for name in ("shop", *providers))


@functools.cache
def trained_under_another_ca():
    """The same names, certified by somebody else."""
    held = {"media": dict.fromkeys(TaskKind, datasets()["media"])}
    ran = World(Authority(), [train_job()], held)
    ran.run()
    completed(ran)
    return ran


def predict_with(brought):
    job = predict_job(predict_task(train_task()), brought)
    return world(job, kind=TaskKind.PREDICT)


def refused(ran):
    ran.run()
    assert {type(error) for error in ran.errors.values()} == {ModelNotUsable}
    assert not heard(ran, "media", Kind.OFFER)
    assert ran.kept["shop"].results == []


def test_the_parties_own_model_is_welcome():
    ran = predict_with(bring(trained_by("media")))
    ran.run()
    completed(ran)


def test_a_model_of_other_parties_is_refused():
    refused(predict_with(bring(trained_by("maps"))))


def test_a_model_of_more_parties_is_refused():
    refused(predict_with(bring(trained_by("media", "maps"))))


def test_a_model_of_namesakes_under_another_ca_is_refused():
    refused(predict_with(bring(trained_under_another_ca())))


def alone(signed, key):
    """All signatures by one party and an enclave key of its own: what an initiator can forge."""
    own = PrivateKey.generate(KeyKind.P_384)
    block = replace(signed.block, enclave=replace(signed.block.enclave, public_key=own.public_key))
    message = canonical.encode(block)
    forged = SignedBlock(
        block=block,
        signatures=dict.fromkeys(signed.signatures, key.sign(TRAIN_CONTEXT, message)),
        enclave_signature=own.sign(TRAIN_CONTEXT, message),
        certificates=signed.certificates,
    )
    return forged, own


def forged_papers(data, *, certificates=None):
    genuine = bring(trained_by("media")).papers
    key, pem = authority().identity("shop")
    signed, own = alone(genuine.trained_under, key)
    if certificates == "its own":
        signed = replace(signed, certificates=dict.fromkeys(signed.certificates, pem.decode()))
    said = replace(genuine.statement, block=digest_of(signed.block), sha384=sha384_hex(data), bytes=len(data))
    signature = own.sign(RESULT_CONTEXT, signed_bytes(said))
    return ModelToBring(data, BroughtModel(trained_under=signed, statement=said, signature=signature))


@pytest.mark.parametrize("certificates", [None, "its own"])
def test_a_model_with_forged_papers_is_refused(certificates):
    refused(predict_with(forged_papers(b"a model made at home", certificates=certificates)))


def test_another_model_under_genuine_papers_is_refused():
    genuine = bring(trained_by("media"))
    refused(predict_with(ModelToBring(b"a model made at home", genuine.papers)))


def test_a_prediction_file_is_no_model():
    ran = world(train_job(), predict_job(predict_task(train_task())))
    ran.run()
    completed(ran)
    statement, signature, _, data = ran.kept["shop"].results[1]
    papers = BroughtModel(
        trained_under=ran.kept["shop"].agreements[1], statement=statement, signature=signature
    )
    refused(predict_with(ModelToBring(data, papers)))


def declines(ran):
    ran.run()
    assert type(ran.errors["media"]) is OfferDeclined
    assert ran.kept["shop"].results == []
    return str(ran.errors["shop"])


def through_a_blind_enclave(change):
    """An enclave that checks nothing: the provider looks at the papers itself."""
    ran = predict_with(bring(trained_by("media")))
    tamper = lambda say: [say._replace(message=change(say.message))]
    twist_enclave(ran).changes[Kind.OFFER] = tamper
    return ran


def with_papers(offer, papers):
    return replace(offer, model=replace(offer.model, brought=papers))


def test_the_provider_does_not_rely_on_the_enclave_for_the_papers():
    strangers = bring(trained_by("maps")).papers
    assert "without us" in declines(through_a_blind_enclave(lambda offer: with_papers(offer, strangers)))


def test_the_provider_checks_the_signatures_itself():
    forged = forged_papers(b"x").papers
    said = declines(through_a_blind_enclave(lambda offer: with_papers(offer, forged)))
    assert "CFD-302" in said


def test_the_provider_checks_that_the_papers_are_of_the_named_agreement():
    change = lambda offer: replace(offer, model=replace(offer.model, train_block="0" * 96))
    assert "another agreement" in declines(through_a_blind_enclave(change))


def test_an_offer_in_the_name_of_another_initiator_is_declined():
    ran = world()
    ran.scripts["media"]._initiator = "maps"
    assert "not from this task's initiator" in declines(ran)


def test_papers_do_not_help_to_use_a_model_for_other_columns():
    ran = predict_with(bring(trained_by("media")))
    other = predict_task(train_task(), features=train_task().features | {"shop": ()})
    twist(ran, "shop").changes[Kind.PROPOSAL] = lambda said: [Spoken(replace(said.message, task=other))]
    refused(ran)
