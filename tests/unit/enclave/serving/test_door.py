"""What is not an attack (tests/attacks): the door closes when the task has ended."""

import threading

import pytest
from fakes.ports import SeededRandomness
from fakes.shop import authority, world
from fakes.threads import PATIENCE

from confide.core.enclave_config import der_of_pem
from confide.core.errors import ChannelClosed
from confide.enclave.serving.door import Door
from confide.enclave.serving.inbox import Inbox
from confide.protocol.roles import Role
from confide.session.join import join
from confide.transport.memory import link_pair


@pytest.fixture
def ran():
    return world()


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def door(ran, inbox):
    return Door(ran.enclave._context, ran.attested, ran.hpke, inbox)


def knock(ran):
    """A stream whose JOIN has been sent: the party's end, the door's end, and whose certificate it shows."""
    ours, theirs = link_pair()
    key, pem = authority().identity("media")
    certificate = der_of_pem(pem.decode())
    envelope, _ = join(
        ran.attested,
        party="media",
        role=Role.B,
        certificate=certificate,
        signer=key,
        randomness=SeededRandomness("a"),
    )
    ours.send(envelope)
    return ours, theirs, certificate


def test_who_is_in_when_the_task_ends_hears_what_was_said_and_is_let_go(ran, inbox, door):
    ours, theirs, certificate = knock(ran)
    serving = threading.Thread(target=door.serve, args=(certificate, theirs), daemon=True)
    serving.start()
    assert inbox.take(PATIENCE).visit.name == "media"
    theirs.send(b"the last words")
    door.close()
    serving.join(PATIENCE)
    assert not serving.is_alive()
    assert ours.receive(PATIENCE) == b"the last words"
    with pytest.raises(ChannelClosed):
        ours.receive(PATIENCE)


def test_nobody_comes_in_after_the_end(ran, inbox, door):
    door.close()
    _, theirs, certificate = knock(ran)
    with pytest.raises(ChannelClosed, match="the task has ended"):
        door.serve(certificate, theirs)
    assert inbox.take() is None
