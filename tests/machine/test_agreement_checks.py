"""What a party refuses to sign: the enclave builds a block in which one thing is not as agreed."""

import functools

import pytest
from fakes.mischief import flipped, say_to, twist, twist_enclave
from fakes.outcomes import completed, heard
from fakes.shop import predict_job, train_job, world
from fakes.world import predict_task, train_task
from msgspec.structs import asdict, replace

from confide.core import canonical, limits
from confide.core.errors import AgreementMismatch, CertificateInvalid, ConfideError, SignatureInvalid
from confide.protocol.blocks import PREDICT_CONTEXT, TRAIN_CONTEXT, Identity, PredictBlock, TrainBlock
from confide.protocol.kinds import Kind

ZERO = "0" * 96


def inside(part, /, **fields):
    """A change of one structure in the block."""
    return lambda block: replace(block, **{part: replace(getattr(block, part), **fields)})


def entry(name, party, change):
    """A change of one party's entry."""

    def changed(block):
        entries = dict(getattr(block, name))
        if change is None:
            del entries[party]
        else:
            entries[party] = change(entries.get(party))
        return replace(block, **{name: entries})

    return changed


def narrowed(consent):
    return replace(consent, predictions=consent.predictions + 1)


OTHER_FEATURES = {"shop": train_task().features["shop"], "media": ()}

FOR_BOTH = {
    "task id": lambda block: replace(block, task_id="f" * 32),
    "task name": inside("task", name="other"),
    "purpose": inside("task", purpose="marketing"),
    "features": inside("task", features=OTHER_FEATURES),
    "releases": lambda block: replace(block, task=replace(block.task, releases=block.task.releases[:1] * 2)),
    "split or share": inside("task", maximum_quarantined_share=1.0),
    "algorithm name": inside("algorithm", name="linear"),
    "algorithm version": inside("algorithm", version="0"),
    "algorithm digest": inside("algorithm", digest=ZERO),
    "parameters": inside("algorithm", parameters={"epochs": 2}),
    "enclave key": inside("enclave", public_key=b"other"),
    "tee": inside("enclave", tee="tdx"),
    "measurement": inside("enclave", measurement="00" * 32),
    "trust root": inside("enclave", trust_root="00" * 32),
    "config": inside("enclave", config=ZERO),
    "a participant more": entry("identities", "maps", lambda _: Identity(role="provider", certificate=ZERO)),
    "a participant less": entry("identities", "media", None),
    "roles": entry("identities", "media", lambda who: replace(who, role="initiator")),
    "a commitment more": entry("commitments", "maps", lambda _: ZERO),
    "no consent": entry("consents", "media", None),
    "a consent more": entry("consents", "shop", lambda _: None),
    "consent": entry("consents", "media", narrowed),
    "too early": lambda block: replace(block, agreed_at=block.agreed_at - limits.CLOCK_SKEW_SECONDS - 1),
    "too late": lambda block: replace(block, agreed_at=block.agreed_at + limits.CLOCK_SKEW_SECONDS + 1),
}
OF_ONE = {
    "own certificate": lambda me: entry("identities", me, lambda who: replace(who, certificate=ZERO)),
    "own commitment": lambda me: entry("commitments", me, lambda _: ZERO),
}


def refused(ran, party, change, kind=AgreementMismatch):
    """`party` gets a changed block: it refuses, signs nothing, and everybody learns of it."""
    twist_enclave(ran).changes[Kind.BLOCK] = say_to(
        party, lambda message: replace(message, block=change(message.block))
    )
    ran.run()
    assert {who: type(error) for who, error in ran.errors.items()} == dict.fromkeys(
        ("shop", "media", "enclave"), kind
    )

    assert not any(kept.agreements or kept.results or kept.receipts for kept in ran.kept.values())


@pytest.mark.parametrize("party", ["shop", "media"])
@pytest.mark.parametrize("name", [name for name in FOR_BOTH if name != "a consent more"])
def test_a_party_signs_nothing_but_what_it_agreed_to(party, name):
    refused(world(), party, FOR_BOTH[name])


@pytest.mark.parametrize("party", ["shop", "media"])
def test_a_consent_of_someone_else_is_refused(party):
    copied = lambda block: replace(block, consents=dict.fromkeys(("shop", "media"), block.consents["media"]))
    refused(world(), party, copied)


@pytest.mark.parametrize("party", ["shop", "media"])
@pytest.mark.parametrize("name", OF_ONE)
def test_a_party_looks_for_itself_in_the_block(party, name):
    refused(world(), party, OF_ONE[name](party))


def test_a_provider_compares_the_initiators_commitment_with_the_notice():
    refused(world(), "media", entry("commitments", "shop", lambda _: ZERO))


@pytest.mark.parametrize("party", ["shop", "media"])
def test_a_small_difference_of_clocks_is_no_reason_to_refuse(party):
    ran = world()
    later = lambda message: replace(
        message, block=replace(message.block, agreed_at=message.block.agreed_at + limits.CLOCK_SKEW_SECONDS)
    )
    twist_enclave(ran).changes[Kind.BLOCK] = say_to(party, later)
    ran.run()
    # Signed; but then the enclave finds that this signature is over another block than its own.
    assert {type(error) for error in ran.errors.values()} == {SignatureInvalid}


def predicting():
    return world(train_job(), predict_job(predict_task(train_task())))


def as_train(block):
    fields = asdict(block)
    return TrainBlock(**{name: fields[name] for name in TrainBlock.__struct_fields__ if name in fields})


def as_predict(block):
    fields = {
        name: getattr(block, name) for name in block.__struct_fields__ if name not in {"warm_start", "id_set"}
    }
    return PredictBlock(**fields, model=ZERO, train_block=ZERO, id_set=ZERO)


@pytest.mark.parametrize("party", ["shop", "media"])
def test_a_prediction_is_not_agreed_to_as_a_training(party):
    refused(world(), party, as_predict)


@pytest.mark.parametrize("party", ["shop", "media"])
@pytest.mark.parametrize(
    "change",
    [
        as_train,
        lambda block: replace(block, model=ZERO),
        lambda block: replace(block, train_block=ZERO),
        lambda block: replace(block, id_set=ZERO),
    ],
    ids=["as training", "model", "train block", "id set"],
)
def test_a_party_checks_the_model_and_the_id_set_of_a_prediction(party, change):
    ran = predicting()

    def second(message):
        block = message.block
        return replace(message, block=change(block)) if isinstance(block, PredictBlock) else message

    twist_enclave(ran).changes[Kind.BLOCK] = say_to(party, second)
    ran.run()
    assert {type(error) for error in ran.errors.values()} == {AgreementMismatch}
    assert len(ran.kept[party].agreements) == 1


# --- the signed block that comes back --------------------------------------------------------------------


def resigned(ran, signed, block):
    """The enclave signs another block; the parties' signatures stay."""
    context = TRAIN_CONTEXT if isinstance(block, TrainBlock) else PREDICT_CONTEXT
    own = ran.key.sign(context, canonical.encode(block))
    return replace(signed, block=block, enclave_signature=own)


def spoil(signed, *, party="shop", signature=None, certificate=None):
    signatures, certificates = dict(signed.signatures), dict(signed.certificates)
    if signature is not None:
        signatures[party] = signature
    if certificate is not None:
        certificates[party] = certificate
    return replace(signed, signatures=signatures, certificates=certificates)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda _, s: spoil(s, signature=flipped(s.signatures["shop"])), SignatureInvalid),
        (lambda _, s: spoil(s, signature=s.signatures["media"]), SignatureInvalid),
        (lambda _, s: replace(s, enclave_signature=flipped(s.enclave_signature)), SignatureInvalid),
        (lambda _, s: replace(s, signatures={"media": s.signatures["media"]}), AgreementMismatch),
        (lambda _, s: spoil(s, party="maps", signature=b"x"), AgreementMismatch),
        (lambda _, s: spoil(s, certificate=s.certificates["media"]), AgreementMismatch),
        (lambda _, s: spoil(s, certificate="not a certificate"), CertificateInvalid),
        (
            lambda ran, s: resigned(ran, s, replace(s.block, agreed_at=s.block.agreed_at + 1)),
            AgreementMismatch,
        ),
    ],
    ids=[
        "a signature altered",
        "a signature of another party",
        "the enclave's signature altered",
        "a signature missing",
        "a signature too many",
        "a certificate of another party",
        "no certificate",
        "another block",
    ],
)
def test_a_signed_block_that_does_not_hold_is_not_kept(change, kind):
    ran = world()
    altered = functools.partial(change, ran)
    twist_enclave(ran).changes[Kind.AGREED] = say_to(
        "media", lambda message: replace(message, signed=altered(message.signed))
    )
    ran.run()
    assert type(ran.errors["media"]) is kind
    assert isinstance(ran.errors["shop"], ConfideError)
    assert not ran.kept["media"].agreements
    assert not heard(ran, "shop", Kind.PROGRESS)


@pytest.mark.parametrize("party", ["shop", "media"])
def test_work_starts_under_the_signed_block_only(party):
    ran = world()
    twist_enclave(ran).changes[Kind.START] = say_to(
        party, lambda message: replace(message, block_digest=ZERO)
    )
    ran.run()
    assert type(ran.errors[party]) is AgreementMismatch
    assert not heard(ran, "shop", Kind.PROGRESS)


def test_the_admission_names_the_proposed_task():
    ran = world()
    twist_enclave(ran).changes[Kind.ADMISSION] = say_to(
        "shop", lambda message: replace(message, task_digest=ZERO)
    )
    ran.run()
    assert type(ran.errors["shop"]) is AgreementMismatch


def test_undisturbed_by_the_disguise():
    ran = world()
    twist(ran, "shop")
    twist_enclave(ran)
    ran.run()
    completed(ran)
