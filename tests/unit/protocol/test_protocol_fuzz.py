"""Untrusted bytes raise one error type per parser, and nothing else."""

import json

import pytest
from fakes.examples import EXAMPLES, RECEIPT, SIGNED, signed_receipt
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import canonical
from confide.core.errors import AgreementMismatch, ConfideError, ReceiptInvalid, RemoteProtocolError
from confide.protocol import blocks, framing, kinds, receipts
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind

GOOD_MESSAGES = [framing.encode(spoken) for spoken in EXAMPLES.values()]
GOOD_BLOCK = canonical.encode(SIGNED)
GOOD_RECEIPT = canonical.encode(signed_receipt(RECEIPT, private=True))
quick = settings(max_examples=150, deadline=None)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@st.composite
def mangled(draw, examples):
    """A good input with a piece cut out, put in, or exchanged."""
    data = draw(st.sampled_from(examples))
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 40)))
    return data[:start] + draw(st.binary(max_size=12)) + data[end:]


@st.composite
def replaced(draw, example):
    """A good document in which one value, somewhere, is another."""
    document = json.loads(example)
    place = document
    while True:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        inner = place[key]
        if not (isinstance(inner, dict | list) and inner and draw(st.booleans())):
            place[key] = draw(JSON)
            return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
                "utf-8", "surrogatepass"
            )
        place = inner


def framed(header):
    return len(header).to_bytes(4, "big") + header


def only(kind, parse, data):
    try:
        return parse(data)
    except kind:
        return None


@quick
@given(st.binary(max_size=200) | mangled(GOOD_MESSAGES))
def test_decode_raises_only_remote_protocol_errors(data):
    spoken = only(RemoteProtocolError, framing.decode, data)
    if spoken is not None:
        assert framing.encode(spoken) == data


@quick
@given(
    st.sampled_from(GOOD_MESSAGES).flatmap(
        lambda good: replaced(good[4 : 4 + int.from_bytes(good[:4], "big")])
    )
)
def test_decode_of_other_values_raises_only_remote_protocol_errors(header):
    spoken = only(RemoteProtocolError, framing.decode, framed(header))
    if spoken is not None:
        assert framing.encode(spoken) == framed(header)


@quick
@given(st.binary(max_size=200) | mangled([GOOD_BLOCK]) | replaced(GOOD_BLOCK))
def test_decode_signed_block_raises_only_agreement_mismatch(data):
    signed = only(AgreementMismatch, blocks.decode_signed_block, data)
    assert signed is None or canonical.encode(signed) == data


@quick
@given(st.binary(max_size=200) | mangled([GOOD_RECEIPT]) | replaced(GOOD_RECEIPT))
def test_decode_signed_receipt_raises_only_receipt_invalid(data):
    signed = only(ReceiptInvalid, receipts.decode_signed_receipt, data)
    assert signed is None or canonical.encode(signed) == data


@pytest.mark.parametrize("kind", sorted(set(Kind) - kinds.WITH_PAYLOAD))
def test_encode_refuses_a_payload_where_none_belongs(kind):
    with pytest.raises(ValueError, match="carries no payload"):
        framing.encode(Spoken(EXAMPLES[kind].message, b"x"))


@pytest.mark.parametrize("kind", sorted(kinds.WITH_PAYLOAD))
@quick
@given(payload=st.binary(max_size=64))
def test_payloads_come_back_as_they_were(kind, payload):
    spoken = Spoken(EXAMPLES[kind].message, payload)
    assert framing.decode(framing.encode(spoken)) == spoken


def test_examples_know_their_kind():
    assert all(
        isinstance(spoken, Spoken) and spoken.message.kind is kind for kind, spoken in EXAMPLES.items()
    )
    assert issubclass(RemoteProtocolError, ConfideError)
