"""Predictions: how many are consented to, and the papers of a model that A brings."""

import functools

import pytest
from fakes.mischief import flipped, times, twist, with_payload
from fakes.outcomes import completed, ended, heard
from fakes.shop import predict_job, train_job, world
from fakes.world import Authority, bring, predict_task, train_task
from msgspec.structs import replace

from confide.core import canonical, limits
from confide.core.digest import digest_of, sha384_hex
from confide.core.errors import ModelNotUsable, RemoteProtocolError, SchemaMismatch
from confide.core.platform_api import TaskKind
from confide.party.initiator import ModelToBring
from confide.protocol import messages as m
from confide.protocol.blocks import TRAIN_CONTEXT, PredictBlock
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind
from confide.protocol.provenance import signed_bytes
from confide.protocol.receipts import RESULT_CONTEXT

ZERO = "0" * 96


@functools.cache
def trained():
    ran = world(train_job())
    ran.run()
    completed(ran)
    return ran


def fresh(brought=None, task=None, **options):
    """A prediction in a fresh enclave, with the model of `trained`."""
    job = predict_job(task or predict_task(train_task()), brought or bring(trained()))
    return world(job, kind=TaskKind.PREDICT, **options)


# --- how many --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_the_enclave_counts_the_predictions_down(allowed):
    jobs = [train_job(), *(predict_job(predict_task(train_task())) for _ in range(allowed + 1))]
    ran = world(*jobs)
    script = ran.scripts["media"]
    yes = script._decide

    def decide(offer, measurement):
        said = yes(offer, measurement)
        return type(said)(replace(said.consent, predictions=allowed), said.dataset)

    script._decide = decide
    ran.run()
    assert len(ran.kept["shop"].results) == 1 + allowed
    (refusal,) = heard(ran, "shop", Kind.REFUSAL)
    assert refusal.code == ModelNotUsable.code
    assert f"consented to {allowed} predictions" in refusal.reason
    assert type(ran.errors["shop"]) is ModelNotUsable


def test_the_least_generous_of_two_providers_counts():
    task = train_task(providers=("media", "maps"))
    jobs = [train_job(providers=("media", "maps")), *(predict_job(predict_task(task)) for _ in range(3))]
    ran = world(*jobs)
    script = ran.scripts["maps"]
    yes = script._decide
    script._decide = lambda offer, measured: type(said := yes(offer, measured))(
        replace(said.consent, predictions=2), said.dataset
    )
    ran.run()
    assert len(ran.kept["shop"].results) == 3
    assert "consented to 2" in heard(ran, "shop", Kind.REFUSAL)[0].reason


def test_a_model_that_was_not_trained_here_must_be_brought():
    ran = world(train_job(), predict_job(predict_task(train_task())))
    script = twist(ran, "shop")
    script.changes[Kind.PROPOSAL] = lambda said: (
        [said]
        if said.message.model is None
        else [Spoken(replace(said.message, model=replace(said.message.model, sha384=ZERO)))]
    )
    ran.run()
    (refusal,) = heard(ran, "shop", Kind.REFUSAL)
    assert "not trained that model" in refusal.reason


def test_a_second_training_in_one_enclave_is_refused():
    ran = world(train_job(), train_job())
    ran.run()
    assert "another) training" in heard(ran, "shop", Kind.REFUSAL)[0].reason


def test_no_training_in_an_enclave_for_predictions():
    ran = world(train_job(), kind=TaskKind.PREDICT)
    ran.run()
    ended(ran, SchemaMismatch, "shop")


# --- the papers of a brought model -----------------------------------------------------------------------


def papers(change):
    """The proposal with other papers: `change(ran, brought)`."""

    def changed(ran, proposal):
        model = proposal.model
        return replace(proposal, model=replace(model, brought=change(ran, model.brought)))

    return changed


def under(change):
    return papers(lambda ran, brought: replace(brought, trained_under=change(brought.trained_under)))


def forged_statement(ran, brought):
    """Signed by the enclave of today, which has not trained the model."""
    statement = brought.statement
    return replace(brought, signature=ran.key.sign(RESULT_CONTEXT, signed_bytes(statement)))


def statement(**fields):
    """Another statement, signed by the enclave that trained."""

    def changed(_, brought):
        said = replace(brought.statement, **fields)
        return replace(
            brought, statement=said, signature=trained().key.sign(RESULT_CONTEXT, signed_bytes(said))
        )

    return papers(changed)


def self_signed_agreement(signed):
    """A block that the enclave signed, but the provider did not."""
    block = replace(signed.block, agreed_at=signed.block.agreed_at - 1)
    own = trained().key.sign(TRAIN_CONTEXT, canonical.encode(block))
    return replace(signed, block=block, enclave_signature=own)


def as_prediction(signed):
    block = signed.block
    fields = {
        name: getattr(block, name) for name in block.__struct_fields__ if name not in {"warm_start", "id_set"}
    }
    return replace(signed, block=PredictBlock(**fields, model=ZERO, train_block=ZERO, id_set=ZERO))


def swapped_certificates(signed):
    first, second = signed.certificates.values()
    return replace(signed, certificates=dict(zip(signed.certificates, (second, first), strict=True)))


@functools.cache
def strangers():
    return Authority().identity("media")[1].decode()


def task_of(**changes):
    return lambda _, proposal: replace(proposal, task=predict_task(train_task(), **changes))


WRONG = {
    "a party's signature altered": under(
        lambda s: replace(s, signatures=s.signatures | {"media": flipped(s.signatures["media"])})
    ),
    "a party's signature missing": under(lambda s: replace(s, signatures={"shop": s.signatures["shop"]})),
    "the enclave's signature altered": under(
        lambda s: replace(s, enclave_signature=flipped(s.enclave_signature))
    ),
    "an agreement that B did not sign": under(self_signed_agreement),
    "an agreement about a prediction": under(as_prediction),
    "certificates swapped": under(swapped_certificates),
    "a certificate missing": under(lambda s: replace(s, certificates={"shop": s.certificates["shop"]})),
    "a certificate of another CA": under(
        lambda s: replace(s, certificates=s.certificates | {"media": strangers()})
    ),
    "a statement of another enclave": papers(forged_statement),
    "a statement without a valid signature": papers(lambda _, b: replace(b, signature=b"no")),
    "a statement about predictions": statement(kind="predictions"),
    "a statement about another model": statement(sha384=ZERO),
    "a statement under another agreement": statement(block=ZERO),
    "another training agreement named": lambda _, p: replace(p, model=replace(p.model, train_block=ZERO)),
    "another algorithm": lambda _, p: replace(p, algorithm=replace(p.algorithm, parameters={"epochs": 1})),
    "other columns": task_of(features=train_task().features | {"shop": ()}),
    "another encoding": task_of(encoding=replace(train_task().encoding, vocabulary="hashed")),
    "another id column": task_of(id=replace(train_task().id, name="key")),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_papers_are_refused(name):
    ran = fresh()
    twist(ran, "shop").changes[Kind.PROPOSAL] = lambda said: [Spoken(WRONG[name](ran, said.message))]
    ran.run()
    (refusal,) = heard(ran, "shop", Kind.REFUSAL)
    assert refusal.code == ModelNotUsable.code
    assert not heard(ran, "media", Kind.OFFER)


def test_another_model_than_the_papers_say_is_refused():
    ran = fresh()
    twist(ran, "shop").changes[Kind.MODEL_PART] = with_payload(flipped)
    ran.run()
    ended(ran, ModelNotUsable, "shop")


def wanted_from(ran):
    return [message.model_from for message in heard(ran, "shop", Kind.WANTED)]


def test_a_model_that_came_in_part_is_wanted_from_where_it_ends():
    ran = fresh()
    twist(ran, "shop").changes[Kind.MODEL_PART] = times(1, with_payload(lambda data: data[:-7]))
    ran.run()
    completed(ran)
    size = len(bring(trained()).data)
    assert wanted_from(ran) == [0, size - 7]
    assert len(ran.kept["shop"].results) == 1


def test_a_model_that_does_not_come_is_refused():
    ran = fresh()
    twist(ran, "shop").changes[Kind.MODEL_PART] = lambda _: []
    ran.run()
    ended(ran, RemoteProtocolError, "shop")
    assert wanted_from(ran) == [0] * (limits.MAX_RETRIES + 1)


@pytest.mark.parametrize("payload", [b"", b"x" * (limits.RESULT_PART_BYTES + 1)])
def test_an_empty_or_oversized_part_of_a_model_is_refused(payload):
    ran = fresh()
    twist(ran, "shop").changes[Kind.MODEL_PART] = with_payload(lambda _: payload)
    ran.run()
    ended(ran, RemoteProtocolError, "shop")


@pytest.mark.parametrize("offset", [0, 1, 1 << 30])
def test_no_more_of_a_model_is_taken_in_than_was_announced(offset):
    ran = fresh()
    script = twist(ran, "shop")
    more = Spoken(m.ModelPart(offset=offset), b"more")
    script.changes[Kind.UPLOADED] = times(1, lambda said: [more, said])
    ran.run()
    ended(ran, RemoteProtocolError, "shop")


def test_a_model_part_where_none_was_announced_is_refused():
    ran = world()
    twist(ran, "shop").changes[Kind.UPLOADED] = lambda said: [Spoken(m.ModelPart(offset=0), b"x"), said]
    ran.run()
    ended(ran, RemoteProtocolError, "shop")


def test_a_signed_statement_about_bytes_that_are_no_model():
    """The enclave that trained vouched for nonsense: the fresh one says so instead of failing."""
    nonsense = b"not a model"
    brought = bring(trained())
    said = replace(brought.papers.statement, sha384=sha384_hex(nonsense), bytes=len(nonsense))
    signature = trained().key.sign(RESULT_CONTEXT, signed_bytes(said))
    ran = fresh(ModelToBring(nonsense, replace(brought.papers, statement=said, signature=signature)))
    ran.run()
    assert {type(error) for error in ran.errors.values()} == {ModelNotUsable}


def test_after_a_brought_model_more_predictions_may_follow_within_the_consent():
    task = predict_task(train_task())
    ran = world(
        predict_job(task, bring(trained())), *(predict_job(task) for _ in range(3)), kind=TaskKind.PREDICT
    )
    script = ran.scripts["shop"]
    reference = m.ModelReference(
        sha384=bring(trained()).papers.statement.sha384,
        train_block=digest_of(bring(trained()).papers.trained_under.block),
    )
    script.standing.own_model = reference
    ran.run()
    # The training consent allowed three in all.
    assert len(ran.kept["shop"].results) == 3
    assert "consented to 3" in heard(ran, "shop", Kind.REFUSAL)[0].reason
