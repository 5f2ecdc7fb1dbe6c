"""Whatever comes as the first message: `accept` raises a ConfideError and nothing else."""

import json

import pytest
from fakes.ports import SeededRandomness
from fakes.shop import authority, world
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from confide.core import canonical
from confide.core.enclave_config import der_of_pem
from confide.core.errors import ConfideError
from confide.crypto.session_secret import seal_secret
from confide.protocol import framing, messages
from confide.protocol.framing import Spoken
from confide.protocol.messages import Join
from confide.protocol.roles import Role
from confide.session import join as step

RAN = world()
KEY, PEM = authority().identity("media")
CERTIFICATE = der_of_pem(PEM.decode())
GOOD, _ = step.join(
    RAN.attested,
    party="media",
    role=Role.B,
    certificate=CERTIFICATE,
    signer=KEY,
    randomness=SeededRandomness("fuzz"),
)
quick = settings(max_examples=100, deadline=None)


def accept(envelope):
    return step.accept(
        envelope,
        RAN.attested,
        party="media",
        role=Role.B,
        certificate=CERTIFICATE,
        party_key=KEY.public_key,
        hpke_key=RAN.hpke,
    )


def refused(envelope):
    with pytest.raises(ConfideError):
        accept(envelope)


def test_the_good_one():
    accept(GOOD)


@quick
@given(st.binary(max_size=300))
def test_any_bytes(data):
    refused(data)


@quick
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_byte_altered(position, change):
    refused(GOOD[:position] + bytes([GOOD[position] ^ change]) + GOOD[position + 1 :])


@quick
@given(st.data())
def test_any_field_altered(data):
    document = json.loads(GOOD[4:])
    place = document if data.draw(st.booleans()) else document["statement"]
    name = data.draw(st.sampled_from(sorted(place)))
    value = data.draw(st.text(max_size=100) | st.none())
    assume(place[name] != value)
    place[name] = value
    header = canonical.encode(document)
    refused(len(header).to_bytes(4, "big") + header)


@quick
@given(st.binary(max_size=200))
def test_any_sealed_secret_rightly_signed(secret):
    """A participant that seals something else than a secret, to the right key, and signs it."""
    sealed = seal_secret(secret, RAN.attested.hpke_key, step._context(RAN.attested, "media", CERTIFICATE))
    _signed(sealed)
    _signed(secret)


def _signed(sealed):
    message = framing.decode(GOOD).message
    fields = {name: getattr(message.statement, name) for name in message.statement.__struct_fields__}
    fields["sealed_secret"] = step.sha384_hex(sealed)
    statement = messages.JoinStatement(**fields)
    signature = KEY.sign(step.JOIN_CONTEXT, canonical.encode(statement))
    envelope = framing.encode(Spoken(Join(statement=statement, sealed_secret=sealed, signature=signature)))
    try:
        accept(envelope)
    except ConfideError:
        return
    assert len(sealed) == 80
