"""Threat: a party shows a fresh enclave a receipt that not all have signed, that was altered, or that is of
another task: to have the task end with other parties believing in work that was not done.

Measure: the fresh enclave verifies the enclave's and every participant's signature over the receipt, under
certificates of the CA, and names who showed what does not hold; each party takes the receipt alone that it
has signed itself.
"""

import pytest
from fakes.coming_back import go_on
from fakes.mischief import flipped, twist, twist_enclave
from fakes.shop import world
from msgspec.structs import replace

from confide.core.errors import ReceiptInvalid, TakeoverRefused
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind


@pytest.fixture
def ran():
    """The enclave dies between its last words: shop holds the receipt, media lacks it."""
    ran = world()
    for name in ("shop", "media"):
        ran.join(name)
    while not ran.kept["shop"].receipts:
        ran.prefer("shop")
        ran.step()
    assert not ran.kept["media"].receipts
    ran.kill_enclave()
    return ran


def show(ran, change):
    twist(ran, "shop").changes[Kind.RECALLED] = lambda spoken: [
        Spoken(replace(spoken.message, kept=change(spoken.message.kept)))
    ]
    for name in ("media", "shop"):
        ran.join(name)
    go_on(ran)


KEPT = {
    "without media's signature": lambda kept: replace(kept, signatures={"shop": kept.signatures["shop"]}),
    "with another's signature": lambda kept: replace(
        kept, signatures=dict.fromkeys(kept.signatures, kept.signatures["shop"])
    ),
    "without the enclave's signature": lambda kept: replace(kept, signature=flipped(kept.signature)),
    "without certificates": lambda kept: replace(kept, certificates={}),
    "with another's certificate": lambda kept: replace(
        kept, certificates=dict.fromkeys(kept.certificates, kept.certificates["shop"])
    ),
    "without rounds": lambda kept: replace(kept, receipt=replace(kept.receipt, rounds=())),
    "of another task": lambda kept: replace(kept, receipt=replace(kept.receipt, task_id="f" * 32)),
    "of other software": lambda kept: replace(
        kept, receipt=replace(kept.receipt, enclave=replace(kept.receipt.enclave, measurement="00" * 32))
    ),
}


@pytest.mark.parametrize("change", KEPT.values(), ids=KEPT)
def test_a_receipt_that_is_not_what_all_have_signed(ran, change):
    show(ran, change)
    assert (type(ran.errors["enclave"]), ran.errors["enclave"].blame) == (TakeoverRefused, "shop")
    assert not ran.enclave.complete
    assert not ran.kept["media"].receipts


def test_an_enclave_that_hands_on_other_signatures_than_those_of_the_receipt(ran):
    """A party checks them itself, whatever the enclave says."""
    twist_enclave(ran).changes[Kind.FINAL_RECEIPT] = lambda say: [
        say._replace(message=replace(say.message, signatures=dict.fromkeys(say.message.signatures, b"none")))
    ]
    show(ran, lambda kept: kept)
    assert type(ran.errors["media"]) is ReceiptInvalid
    assert not ran.kept["media"].receipts
