"""A party calls the host or creates tasks without end: it is refused by itself, the others go on."""

import threading
from contextlib import suppress

import pytest
from fakes.flood import grpc, half_open
from fakes.host_alone import caller, client, end, request, serve, service_of
from fakes.ports import FakeClock

from confide.core import limits
from confide.core.errors import ConfideError, LimitExceeded, TooManyCalls
from confide.core.platform_api import Hello
from confide.transport import wire


@pytest.fixture
def clock(authority):
    return FakeClock(authority.now)


@pytest.fixture
def service(authority, clock, tmp_path):
    return service_of(authority, clock, tmp_path)


@pytest.fixture
def host(authority, service, clock):
    with serve(authority, service, clock) as server:
        yield server


def test_flood_of_calls(host, authority):
    with client(host, authority, "mallory") as flood, client(host, authority, "alice") as honest:
        served = 0
        for _ in range(limits.HOST_CALL_BURST + 100):
            try:
                flood.list_tasks()
            except TooManyCalls:
                continue
            served += 1
        assert served == limits.HOST_CALL_BURST
        assert honest.list_tasks() == ()


def test_flood_from_many_threads(host, authority):
    """While one floods with all its might, another's calls come through, at most repeated."""
    stop = threading.Event()

    def flood():
        with client(host, authority, "mallory") as mallory:
            while not stop.is_set():
                with suppress(ConfideError):
                    mallory.list_tasks()

    threads = [threading.Thread(target=flood) for _ in range(12)]
    for thread in threads:
        thread.start()
    try:
        with client(host, authority, "alice") as honest:
            served = [
                honest.handshake(Hello(api_version=1, software="0", platform="")).platform for _ in range(50)
            ]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert served == ["cloud"] * 50


def test_running_tasks_of_one_initiator(service):
    for _ in range(limits.MAX_RUNNING_PER_INITIATOR):
        service.create_task(caller("mallory"), request("mallory"))
    with pytest.raises(LimitExceeded, match="at a time"):
        service.create_task(caller("mallory"), request("mallory"))
    assert service.create_task(caller("alice"), request("alice")).initiator == "alice"


def test_tasks_created_and_ended_without_end(service, clock):
    """Each starts a process and leaves a record: only so many in an hour, also when they end at once."""
    for _ in range(limits.MAX_CREATED_PER_HOUR):
        end(service, service.create_task(caller("mallory"), request("mallory")).id)
    with pytest.raises(TooManyCalls, match="in an hour"):
        service.create_task(caller("mallory"), request("mallory"))
    assert service.create_task(caller("alice"), request("alice")).initiator == "alice"
    clock.time += 3601
    assert service.create_task(caller("mallory"), request("mallory")).initiator == "mallory"


def test_repeating_a_request_by_its_token_is_no_new_task(service):
    first = service.create_task(caller("mallory"), request("mallory", token="t"))
    for _ in range(2 * limits.MAX_CREATED_PER_HOUR):
        assert service.create_task(caller("mallory"), request("mallory", token="t")).id == first.id


def test_oversized_request(host, authority):
    holder = authority.party("mallory")
    credentials = grpc.ssl_channel_credentials(
        authority.ca_pem, holder.tls["key_pem"], holder.tls["certificate_pem"]
    )
    with (
        grpc.secure_channel(host.address, credentials, (("grpc.max_send_message_length", -1),)) as channel,
        client(host, authority, "alice") as honest,
    ):
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(wire.CREATE_TASK.path)(bytes(limits.MAX_CONTROL_BYTES + 1), timeout=10)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert honest.list_tasks() == ()


def test_half_open_connections(host, authority):
    with half_open(host.address, 200), client(host, authority, "alice") as honest:
        assert honest.list_tasks() == ()
