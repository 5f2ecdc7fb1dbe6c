"""What a party notices when the enclave (or who poses as it) delivers, reports or closes wrongly."""

import pytest
from fakes.mischief import flipped, say_to, times, twist, twist_enclave
from fakes.outcomes import heard
from fakes.shop import ROWS, predict_job, train_job, world
from fakes.world import predict_task, train_task
from msgspec.structs import replace

from confide.core import canonical, limits
from confide.core.errors import (
    BindingMismatch,
    LimitExceeded,
    ReceiptInvalid,
    RemoteProtocolError,
    SignatureInvalid,
)
from confide.enclave.coordination.context import Say
from confide.protocol import framing
from confide.protocol import messages as m
from confide.protocol.kinds import Kind
from confide.protocol.provenance import signed_bytes
from confide.protocol.receipts import (
    RECEIPT_CONTEXT,
    RESULT_CONTEXT,
    ROUND_CONTEXT,
    RowCounts,
    evidence_nonce,
)
from confide.protocol.terms import Release, Released

ZERO = "0" * 96
BOTH = pytest.mark.parametrize("party", ["shop", "media"])


# --- the result ------------------------------------------------------------------------------------------


def run_with_result(change):
    ran = world()
    twist_enclave(ran).changes[Kind.RESULT] = say_to("shop", lambda message: change(ran, message))
    ran.run()
    assert ran.kept["shop"].results == []
    assert not any(kept.receipts for kept in ran.kept.values())
    return ran


def signed_again(ran, result, **fields):
    statement = replace(result.statement, **fields)
    done = replace(result.done, result=statement, block=statement.block)
    return replace(
        result,
        statement=statement,
        signature=ran.key.sign(RESULT_CONTEXT, signed_bytes(statement)),
        done=done,
        done_signature=ran.key.sign(ROUND_CONTEXT, canonical.encode(done)),
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda _, result: replace(result, signature=flipped(result.signature)),
        lambda _, result: replace(result, signature=b""),
        lambda _, result: replace(result, statement=replace(result.statement, sha384=ZERO)),
        lambda _, result: replace(result, statement=replace(result.statement, kind="predictions")),
        lambda ran, result: replace(
            result, signature=ran.key.sign(RECEIPT_CONTEXT, canonical.encode(result.statement))
        ),
        lambda ran, result: replace(
            result,
            signature=ran.authority.identity("media")[0].sign(RESULT_CONTEXT, signed_bytes(result.statement)),
        ),
    ],
    ids=["altered", "empty", "other digest", "other kind", "other context", "another's key"],
)
def test_a_result_without_the_enclaves_signature_is_not_kept(change):
    assert type(run_with_result(change).errors["shop"]) is SignatureInvalid


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda _, result: replace(result, done_signature=b""), SignatureInvalid),
        (lambda _, result: replace(result, done=replace(result.done, block=ZERO)), SignatureInvalid),
        (lambda ran, result: done_again(ran, result, block=ZERO), RemoteProtocolError),
        (
            lambda ran, result: done_again(ran, result, result=replace(result.statement, sha384=ZERO)),
            RemoteProtocolError,
        ),
    ],
    ids=["not signed", "altered", "of another block", "of another result"],
)
def test_a_result_without_its_enclaves_word_on_the_round_is_not_kept(change, error):
    assert type(run_with_result(change).errors["shop"]) is error


def done_again(ran, message, **fields):
    done = replace(message.done, **fields)
    return replace(message, done=done, done_signature=ran.key.sign(ROUND_CONTEXT, canonical.encode(done)))


def test_a_result_of_another_agreement_is_not_kept():
    ran = run_with_result(lambda ran, result: signed_again(ran, result, block=ZERO))
    assert type(ran.errors["shop"]) is RemoteProtocolError


def test_a_result_that_is_longer_than_announced_is_not_collected():
    ran = run_with_result(lambda ran, result: signed_again(ran, result, bytes=1))
    assert type(ran.errors["shop"]) is LimitExceeded


def test_result_parts_come_in_order():
    ran = world()
    twist_enclave(ran).changes[Kind.RESULT_PART] = lambda say: [
        Say(say.to, m.ResultPart(offset=1), say.payload)
    ]
    ran.run()
    assert type(ran.errors["shop"]) is RemoteProtocolError


def test_a_block_that_does_not_exist_is_not_sent():
    ran = world()
    beyond = m.Wanted(blocks=((3, 3),), attempts_left=0)
    twist_enclave(ran).changes[Kind.WANTED] = times(2, lambda say: [Say(say.to, beyond)])
    ran.run()
    assert type(ran.errors["shop"]) is RemoteProtocolError


def test_a_provider_does_not_believe_the_end_of_another_round():
    ran = world()
    twist_enclave(ran).changes[Kind.FINISHED] = say_to("media", lambda _: m.Finished(block_digest=ZERO))
    ran.run()
    assert type(ran.errors["media"]) is RemoteProtocolError


# --- the receipt -----------------------------------------------------------------------------------------


def run_with_receipt(party, change, *, jobs=()):
    """The enclave signs what `change` makes of the receipt, and sends it to one party."""
    ran = world(*jobs)

    def altered(message):
        receipt = change(ran, message.receipt)
        signature = ran.key.sign(RECEIPT_CONTEXT, canonical.encode(receipt))
        return replace(message, receipt=receipt, signature=signature)

    twist_enclave(ran).changes[Kind.RECEIPT] = say_to(party, altered)
    ran.run()
    assert not any(kept.receipts for kept in ran.kept.values())
    return ran


def in_round(**fields):
    """One round differs; the evidence is made anew, as the enclave could."""

    def change(ran, receipt):
        rounds = (replace(receipt.rounds[0], **fields), *receipt.rounds[1:])
        return replace(receipt, rounds=rounds, evidence=ran.evidence(evidence_nonce(rounds)))

    return change


def with_rounds(change):
    def changed(ran, receipt):
        rounds = change(receipt.rounds)
        return replace(receipt, rounds=rounds, evidence=ran.evidence(evidence_nonce(rounds)))

    return changed


def counts(**sent):
    return {
        name: RowCounts(
            source=rows, quarantined_while_preparing=0, sent=rows, joined=rows, unmatched=0, quarantined=0
        )
        for name, rows in sent.items()
    }


def result_of_round(**fields):
    def change(ran, receipt):
        return in_round(result=replace(receipt.rounds[0].result, **fields))(ran, receipt)

    return change


FEWER = ROWS - 1
WRONG = {
    "task": lambda _, receipt: replace(receipt, task_id="f" * 32),
    "enclave": lambda _, receipt: replace(receipt, enclave=replace(receipt.enclave, measurement="00" * 32)),
    "a round less": with_rounds(lambda rounds: ()),
    "a round twice": with_rounds(lambda rounds: rounds * 2),
    "block": in_round(block=ZERO),
    "fewer rows": in_round(rows=counts(shop=FEWER, media=FEWER)),
    "a party less": in_round(rows={}),
    "a party more": in_round(rows=counts(shop=ROWS, media=ROWS, maps=ROWS)),
    "kind": in_round(kind="predict"),
    "name": in_round(task="other"),
    "commitments": in_round(commitments={"shop": ZERO, "media": ZERO}),
    "releases": in_round(releases=(Release(what=Released.MODEL, to="media"),)),
    "result of another agreement": result_of_round(block=ZERO),
    "closed too early": lambda _, r: replace(
        r, closed_at=r.closed_at - limits.CLOCK_SKEW_SECONDS - 1, started_at=0
    ),
    "closed too late": lambda _, r: replace(r, closed_at=r.closed_at + limits.CLOCK_SKEW_SECONDS + 1),
    "closed before it started": lambda _, r: replace(r, started_at=r.closed_at + 1),
}


@BOTH
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_receipt_is_not_countersigned(name, party):
    ran = run_with_receipt(party, WRONG[name])
    assert type(ran.errors[party]) is ReceiptInvalid
    assert party not in ran.enclave._closing._signatures


def test_the_initiator_knows_the_result_that_it_received():
    ran = run_with_receipt("shop", result_of_round(sha384=ZERO))
    assert type(ran.errors["shop"]) is ReceiptInvalid


def test_the_initiator_knows_the_report_that_it_received():
    """The private part is only committed to: found out with the final receipt."""
    ran = run_with_receipt("shop", in_round(private=ZERO))
    assert "shop" in ran.errors


def test_rounds_in_another_order_are_not_countersigned():
    jobs = (train_job(), predict_job(predict_task(train_task())))
    ran = run_with_receipt("media", with_rounds(lambda rounds: rounds[::-1]), jobs=jobs)
    assert type(ran.errors["media"]) is ReceiptInvalid


@BOTH
def test_closing_evidence_with_another_nonce_is_refused(party):
    ran = run_with_receipt(party, lambda ran, receipt: replace(receipt, evidence=ran.evidence(bytes(32))))
    assert type(ran.errors[party]) is BindingMismatch


@BOTH
def test_a_receipt_altered_after_signing_is_refused(party):
    ran = world()
    twist_enclave(ran).changes[Kind.RECEIPT] = say_to(
        party, lambda message: replace(message, receipt=replace(message.receipt, closed_at=1))
    )
    ran.run()
    assert type(ran.errors[party]) is SignatureInvalid


def run_with_final(party, change):
    ran = world()
    twist_enclave(ran).changes[Kind.FINAL_RECEIPT] = say_to(
        party, lambda message: replace(message, signatures=change(ran, dict(message.signatures)))
    )
    ran.run()
    assert ran.kept[party].receipts == []
    return ran.errors[party]


def other(party):
    return "media" if party == "shop" else "shop"


@BOTH
def test_a_final_receipt_without_our_own_signature_is_not_kept(party):
    error = run_with_final(party, lambda _, s: {name: s[name] for name in s if name != party})
    assert type(error) is ReceiptInvalid


@BOTH
def test_a_final_receipt_without_another_participants_signature_is_not_kept(party):
    error = run_with_final(party, lambda _, s: {party: s[party]})
    assert type(error) is ReceiptInvalid


@BOTH
def test_a_final_receipt_with_a_wrong_signature_is_not_kept(party):
    error = run_with_final(party, lambda _, s: s | {other(party): flipped(s[other(party)])})
    assert type(error) is ReceiptInvalid
    assert error.blame == other(party)


@BOTH
def test_a_final_receipt_with_a_strangers_signature_is_not_kept(party):
    error = run_with_final(party, lambda _, s: s | {"maps": s[party]})
    assert type(error) is ReceiptInvalid


# --- a task that closes without any round ----------------------------------------------------------------


def test_who_joins_after_the_close_does_not_hold_it_up():
    ran = world()
    twist(ran, "shop").instead[Kind.LISTING] = lambda _: [framing.Spoken(m.Close())]
    ran.join("shop")
    ran.step()
    ran.step()
    ran.join("media")
    while ran.wire:
        ran.step()
    assert ran.errors == {}
    assert ran.enclave.closed
    assert [done.receipt.rounds for done in ran.kept["shop"].receipts] == [()]
    assert heard(ran, "media", Kind.RECEIPT) == []


def test_rows_are_accounted_for_in_every_round():
    with pytest.raises(ValueError, match="rows sent"):
        RowCounts(source=3, quarantined_while_preparing=0, sent=3, joined=1, unmatched=1, quarantined=0)
