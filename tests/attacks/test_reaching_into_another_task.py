"""A party of one task, or of none, tries to see, cancel, enter or exhaust another's task."""

import threading

import pytest
from fakes import shop
from fakes.flood import answer, enclave, party
from fakes.host_alone import caller, client, end, request, serve, service_of
from fakes.places import Taking, running
from fakes.ports import FakeClock

from confide.core import limits
from confide.core.enclave_config import der_of_pem
from confide.core.errors import AccessDenied, NotFound, RemoteProtocolError, TooManyCalls
from confide.enclave.serving.door import Door
from confide.enclave.serving.inbox import Inbox
from confide.transport.memory import link_pair

NONCE = bytes(limits.NONCE_BYTES)


@pytest.fixture
def service(authority, tmp_path):
    return service_of(authority, FakeClock(authority.now), tmp_path)


@pytest.mark.parametrize("name", ["mallory", "carol"])
def test_task_of_others_at_the_host(service, authority, name):
    """Over the wire, with a good certificate: nothing is shown, nothing is changed."""
    task = service.create_task(caller("alice"), request("alice")).id
    service.create_task(caller("carol"), request("carol", providers=("dave",)))
    with (
        serve(authority, service, FakeClock(authority.now)) as host,
        client(host, authority, name) as stranger,
    ):
        for call in (stranger.get_task, stranger.cancel_task, stranger.end_record):
            with pytest.raises(AccessDenied):
                call(task)
        assert task not in [status.id for status in stranger.list_tasks()]
        with pytest.raises(AccessDenied):
            stranger.create_task(request("alice"))
        with pytest.raises(NotFound):
            stranger.get_task("f" * 32)
    assert service.get_task(caller("alice"), task).ended_at is None


def test_provider_can_not_cancel(service):
    task = service.create_task(caller("alice"), request("alice")).id
    with pytest.raises(AccessDenied):
        service.cancel_task(caller("bob"), task)


def test_token_of_another_initiator(service):
    """A token guessed or seen gives nobody else's task."""
    theirs = service.create_task(caller("alice"), request("alice", token="t")).id
    assert service.create_task(caller("mallory"), request("mallory", token="t")).id != theirs


def test_tasks_of_one_do_not_take_the_room_of_another(service):
    for _ in range(limits.MAX_CREATED_PER_HOUR):
        end(service, service.create_task(caller("mallory"), request("mallory")).id)
    assert service.create_task(caller("alice"), request("alice")).initiator == "alice"


def test_flood_at_one_enclave_leaves_the_other_alone(authority):
    with (
        enclave(authority, monotonic=lambda: 0.0) as theirs,
        enclave(authority, monotonic=lambda: 0.0) as ours,
        party(theirs, authority, "mallory") as at_theirs,
        party(ours, authority, "mallory") as at_ours,
    ):
        for _ in range(limits.ATTEST_BURST):
            at_theirs.attest(NONCE)
        with pytest.raises(TooManyCalls):
            at_theirs.attest(NONCE)
        assert at_ours.attest(NONCE) == answer(NONCE)


def test_party_of_another_task_at_the_door():
    """A good identity of the CA that takes no part is refused before anything is read from it."""
    world = shop.world()
    inbox = Inbox()
    door = Door(world._enclave_context(), world.attested, world.hpke, inbox)
    _, pem = shop.authority().identity("maps")
    _, link = link_pair()
    with pytest.raises(RemoteProtocolError, match="takes no part"):
        door.serve(der_of_pem(pem.decode()), link)
    assert inbox.take() is None


def test_one_initiator_takes_half_the_places_at_most(tmp_path):
    stop = threading.Event()
    flood = [running(i, "mallory") for i in range(limits.MAX_RUNNING_PER_INITIATOR)]
    taken = Taking(tmp_path).look([*flood, running(99, "alice")], stop)
    assert taken == ["alice", *["mallory"] * limits.MAX_TASKS_OF_PROVIDER_BY_INITIATOR]
    assert limits.MAX_TASKS_OF_PROVIDER_BY_INITIATOR <= limits.MAX_TASKS_OF_PROVIDER // 2
    stop.set()
