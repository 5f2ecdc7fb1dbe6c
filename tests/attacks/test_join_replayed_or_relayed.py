"""Threat: somebody joins a task in a party's name with a JOIN that was recorded, relayed, or stolen; or a
party takes over the session of another one; or a stranger of the same CA comes in.

Measure: the JOIN is signed by the party's identity key and bound to the task, the enclave's attested keys,
its configuration, the TLS peer's certificate and the sealed secret; the secret opens only in that enclave
and only for that party; and each party comes in once.
"""

import pytest
from fakes.examples import EXAMPLES
from fakes.mischief import flipped
from fakes.ports import SeededRandomness
from fakes.shop import authority, world
from msgspec.structs import replace

from confide.core import canonical, limits
from confide.core.digest import sha384_hex
from confide.core.enclave_config import der_of_pem
from confide.core.errors import (
    CertificateInvalid,
    ConfideError,
    RemoteProtocolError,
    SealError,
    SignatureInvalid,
)
from confide.crypto.session_secret import HpkeKey, seal_secret
from confide.enclave.serving.door import Door
from confide.enclave.serving.inbox import Inbox
from confide.protocol import framing
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind
from confide.protocol.roles import Role
from confide.session import join as step
from confide.session.join import Attested, accept, join
from confide.transport.memory import link_pair


def identity(name):
    key, pem = authority().identity(name)
    return key, der_of_pem(pem.decode())


def joining(enclave, name="media", role=Role.B):
    key, certificate = identity(name)
    return join(
        enclave,
        party=name,
        role=role,
        certificate=certificate,
        signer=key,
        randomness=SeededRandomness(f"join {name}"),
    )


def accepting(envelope, ran, name="media", role=Role.B):
    key, certificate = identity(name)
    _, channel = accept(
        envelope,
        ran.attested,
        party=name,
        role=role,
        certificate=certificate,
        party_key=key.public_key,
        hpke_key=ran.hpke,
    )
    return channel


def changed(envelope, **fields):
    message = framing.decode(envelope).message
    return framing.encode(Spoken(replace(message, **fields)))


def restated(envelope, name, **fields):
    """Another statement, signed anew by `name`."""
    message = framing.decode(envelope).message
    statement = replace(message.statement, **fields)
    signature = identity(name)[0].sign(step.JOIN_CONTEXT, canonical.encode(statement))
    return framing.encode(Spoken(replace(message, statement=statement, signature=signature)))


def test_an_honest_join_opens_a_channel_in_both_directions():
    ran = world()
    envelope, party = joining(ran.attested)
    enclave = accepting(envelope, ran)
    assert party.session == enclave.session
    assert party.hear(enclave.say(EXAMPLES[Kind.OFFER].message)) == EXAMPLES[Kind.OFFER]
    assert enclave.hear(party.say(EXAMPLES[Kind.DECLINE].message)) == EXAMPLES[Kind.DECLINE]


ELSEWHERE = {
    "another task": lambda ran: Attested(
        "f" * 32, ran.attested.public_key, ran.attested.hpke_key, ran.attested.config
    ),
    "another enclave": lambda ran: Attested(
        ran.attested.task, b"other key", ran.attested.hpke_key, ran.attested.config
    ),
    "another configuration": lambda ran: Attested(
        ran.attested.task, ran.attested.public_key, ran.attested.hpke_key, b"other"
    ),
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_join_for_elsewhere_is_refused(where):
    ran = world()
    envelope, _ = joining(ELSEWHERE[where](ran))
    with pytest.raises(RemoteProtocolError):
        accepting(envelope, ran)


def test_a_join_sealed_to_another_hpke_key_does_not_open():
    """A relay puts its own key between: the secret is not for this enclave."""
    ran = world()
    relay = HpkeKey.generate()
    enclave = Attested(ran.attested.task, ran.attested.public_key, relay.public_key, ran.attested.config)
    envelope, _ = joining(enclave)
    with pytest.raises(SealError):
        accepting(envelope, ran)


def test_a_join_recorded_at_one_enclave_is_worth_nothing_at_another():
    envelope, _ = joining(world().attested)
    with pytest.raises(RemoteProtocolError):
        accepting(envelope, world())


def test_a_join_of_one_party_from_the_connection_of_another_is_refused():
    ran = world()
    envelope, _ = joining(ran.attested, "media")
    with pytest.raises(RemoteProtocolError):
        accepting(envelope, ran, "shop", Role.A)


@pytest.mark.parametrize("fields", [{"party": "shop"}, {"certificate": "its own"}])
def test_a_party_that_states_to_be_another_is_refused(fields):
    ran = world()
    if "certificate" in fields:
        fields = {"certificate": sha384_hex(identity("shop")[1])}
    envelope, _ = joining(ran.attested, "media")
    with pytest.raises(RemoteProtocolError):
        accepting(restated(envelope, "media", **fields), ran)


def test_a_stolen_secret_does_not_open_for_its_thief():
    """shop puts media's sealed secret into a JOIN of its own, rightly signed: the context differs."""
    ran = world()
    stolen = framing.decode(joining(ran.attested, "media")[0]).message.sealed_secret
    own = changed(joining(ran.attested, "shop", Role.A)[0], sealed_secret=stolen)
    own = restated(own, "shop", sealed_secret=sha384_hex(stolen))
    with pytest.raises(SealError):
        accepting(own, ran, "shop", Role.A)


def test_another_secret_than_signed_is_refused():
    ran = world()
    envelope, _ = joining(ran.attested)
    other = framing.decode(joining(ran.attested, "shop", Role.A)[0]).message.sealed_secret
    with pytest.raises(RemoteProtocolError):
        accepting(changed(envelope, sealed_secret=other), ran)


@pytest.mark.parametrize("signer", ["shop", "maps"])
def test_a_join_signed_by_somebody_else_is_refused(signer):
    ran = world()
    envelope, _ = joining(ran.attested)
    with pytest.raises(SignatureInvalid):
        accepting(restated(envelope, signer), ran)


def test_a_join_with_an_altered_signature_is_refused():
    ran = world()
    envelope, _ = joining(ran.attested)
    signature = framing.decode(envelope).message.signature
    with pytest.raises(SignatureInvalid):
        accepting(changed(envelope, signature=flipped(signature)), ran)


def test_a_join_signed_for_another_purpose_is_refused():
    ran = world()
    envelope, _ = joining(ran.attested)
    statement = framing.decode(envelope).message.statement
    signature = identity("media")[0].sign("confide/train-block/1", canonical.encode(statement))
    with pytest.raises(SignatureInvalid):
        accepting(changed(envelope, signature=signature), ran)


def test_another_version_is_refused():
    ran = world()
    envelope, _ = joining(ran.attested)
    with pytest.raises(RemoteProtocolError):
        accepting(restated(envelope, "media", version="confide/0"), ran)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_secret_of_another_length_is_refused(size):
    ran = world()
    envelope, _ = joining(ran.attested)
    context = step._context(ran.attested, "media", identity("media")[1])
    sealed = seal_secret(bytes(size), ran.attested.hpke_key, context)
    short = restated(changed(envelope, sealed_secret=sealed), "media", sealed_secret=sha384_hex(sealed))
    with pytest.raises(RemoteProtocolError):
        accepting(short, ran)


@pytest.mark.parametrize("first", [b"", b"hello", bytes(limits.MAX_CERTIFICATE_BYTES + 1)])
def test_a_first_message_that_is_no_join_is_refused(first):
    with pytest.raises(RemoteProtocolError):
        accepting(first, world())


# --- at the door -----------------------------------------------------------------------------------------


def door_of(ran):
    inbox = Inbox(1000)
    return Door(ran.enclave._context, ran.attested, ran.hpke, inbox), inbox


def knock(door, name, envelope):
    """One stream: the JOIN, then its end."""
    ours, theirs = link_pair()
    ours.send(envelope)
    ours.close()
    door.serve(identity(name)[1], theirs)


def test_a_replayed_join_is_refused_at_the_door():
    ran = world()
    door, inbox = door_of(ran)
    envelope, _ = joining(ran.attested)
    knock(door, "media", envelope)
    assert len(inbox) == 2
    with pytest.raises(RemoteProtocolError, match="with this JOIN already"):
        knock(door, "media", envelope)
    assert len(inbox) == 2


def test_a_stranger_of_the_same_ca_is_refused_at_the_door():
    ran = world()
    door, inbox = door_of(ran)
    with pytest.raises(RemoteProtocolError, match="takes no part"):
        knock(door, "maps", joining(ran.attested, "maps")[0])
    assert len(inbox) == 0


def test_a_certificate_of_another_ca_is_refused_at_the_door():
    ran = world()
    door, inbox = door_of(ran)
    ours, theirs = link_pair()
    ours.send(joining(ran.attested)[0])
    with pytest.raises(CertificateInvalid):
        door.serve(b"not a certificate", theirs)
    assert len(inbox) == 0


def test_a_refused_join_does_not_take_the_place_of_the_right_one():
    ran = world()
    door, inbox = door_of(ran)
    envelope, _ = joining(ran.attested)
    signature = framing.decode(envelope).message.signature
    with pytest.raises(ConfideError):
        knock(door, "media", changed(envelope, signature=flipped(signature)))
    knock(door, "media", envelope)
    assert len(inbox) == 2


def test_the_other_kinds_are_no_way_in():
    ran = world()
    for kind in set(Kind) - {Kind.JOIN}:
        with pytest.raises(RemoteProtocolError):
            accepting(framing.encode(EXAMPLES[kind]), ran)
