"""A party calls the host, creates tasks or has it write without end: it is refused, the others go on."""

import dataclasses
import threading
from contextlib import suppress

import pytest
from fakes.flood import grpc, half_open
from fakes.host_alone import caller, client, end, request, serve, service_of
from fakes.ports import FakeClock

from confide.app.platform import write_rates
from confide.audit.chain import read_chain
from confide.core import limits
from confide.core.errors import (
    AccessDenied,
    ChannelClosed,
    ConfideError,
    LimitExceeded,
    NotFound,
    TooManyCalls,
)
from confide.core.platform_api import AUDIT_HEAD_CONTEXT, Hello, SignedHead
from confide.crypto.identity import IdentityRole, identity_uri
from confide.platform.audited import AuditedService
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


# --- the relay ----------------------------------------------------------------------------------------


def test_legs_held_for_ever(host, authority, service, monkeypatch):
    """So many of one party, and they are gone when their tasks have ended."""
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.05)
    tasks = [
        service.create_task(caller("mallory"), request("mallory")).id
        for _ in range(limits.MAX_RUNNING_PER_INITIATOR)
    ]
    with client(host, authority, "mallory") as mallory, client(host, authority, "bob") as bob:
        held = [mallory.relay(task, "bob") for task in tasks]
        for leg in held:
            with pytest.raises(TimeoutError):
                leg.receive(0.1)
        with pytest.raises(TooManyCalls, match="MAX_RELAY_LEGS_OF_PARTY"):
            mallory.relay(tasks[0], "bob").receive(10)
        met = bob.relay(tasks[0], "mallory")
        assert bytes(met.receive(10)) == b""
        for task in tasks:
            end(service, task)
        assert bytes(held[0].receive(10)) == b""
        for leg in (*held, met):
            with pytest.raises(ChannelClosed):
                leg.receive(10)


# --- the host's disk: what callers have it write ------------------------------------------------------


@pytest.fixture
def audited(service, clock, monkeypatch):
    """As app/platform.py composes it; `written` tells how many entries came since it was asked last."""
    monkeypatch.setattr(limits, "CHANGE_BURST", 24)
    log = service._heads.keeper.log
    made = AuditedService(service, log, write_rates(clock.monotonic))
    made.task = made.create_task(caller("alice"), request("alice")).id
    seen = [0]

    def written():
        before, seen[0] = seen[0], log.latest().number
        return seen[0] - before

    written()
    made.written = written
    return made


def head(authority, name, task, number, clock):
    holder = authority.party(name)
    unsigned = SignedHead(
        log=identity_uri(name, IdentityRole.PARTY),
        number=number,
        digest="ab" * 48,
        task=task,
        time=clock.now(),
        certificate=holder.certificate_pem.decode(),
    )
    signature = holder.key.sign(AUDIT_HEAD_CONTEXT, unsigned.message())
    return dataclasses.replace(unsigned, signature=signature)


def test_one_head_again_and_again_is_written_once(audited, authority, clock):
    given = head(authority, "alice", audited.task, 7, clock)
    first = audited.exchange_heads(caller("alice"), given)
    assert audited.written() == 2
    for number in (7, 7, 6, 1):
        again = head(authority, "alice", audited.task, number, clock)
        assert audited.exchange_heads(caller("alice"), again) == first
    assert audited.written() == 0


def test_ever_newer_heads_are_kept_at_a_rate(audited, authority, clock):
    """A party makes its log as long as it likes. Others, and its other tasks, have rates of their own."""

    def give(name, number, task=audited.task):
        return audited.exchange_heads(caller(name), head(authority, name, task, number, clock))

    for number in range(1, limits.HEAD_BURST + 1):
        give("alice", number)
    assert audited.written() == 2 * limits.HEAD_BURST
    for number in range(limits.HEAD_BURST + 1, limits.HEAD_BURST + 20):
        with pytest.raises(TooManyCalls, match="heads for one task"):
            give("alice", number)
    assert audited.written() == 1  # the first refusal
    give("bob", 1)
    other = audited.create_task(caller("alice"), request("alice")).id
    give("alice", 50, other)
    clock.time += limits.HEAD_SECONDS
    give("alice", 99)


def test_heads_for_a_task_that_ended_long_ago_are_refused(audited, authority, clock, service):
    end(service, audited.task, at=clock.now())
    clock.time += limits.HEADS_AFTER_END_SECONDS
    audited.exchange_heads(caller("alice"), head(authority, "alice", audited.task, 1, clock))
    clock.time += 1
    audited.written()
    with pytest.raises(NotFound, match="long ago"):
        audited.exchange_heads(caller("alice"), head(authority, "alice", audited.task, 2, clock))
    assert audited.written() == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda service: service.create_task(caller("mallory"), request("alice")),
        lambda service: service.get_task(caller("mallory"), service.task),
        lambda service: service.end_record(caller("mallory"), service.task),
    ],
    ids=["create", "get", "end"],
)
def test_a_refusal_that_repeats_is_written_once_and_counted(audited, clock, call):
    for _ in range(50):
        with pytest.raises(AccessDenied):
            call(audited)
    assert audited.written() == 1
    clock.time += limits.REFUSAL_SECONDS
    with pytest.raises(AccessDenied):
        call(audited)
    assert audited.written() == 1
    last = read_chain(audited._log.path).entries[-1]
    assert (last.actor, last.outcome) == ("mallory", "CFD-503")
    assert (last.object.kind, last.object.rows) == ("repeated", 49)


def test_creating_and_cancelling_again_and_again(audited, clock):
    """Each is two entries, also where nothing comes of it."""
    calls = (
        lambda: audited.create_task(caller("alice"), request("alice", token="t")),
        lambda: audited.create_task(caller("alice"), request("alice", providers=())),
        lambda: audited.cancel_task(caller("alice"), "f" * 32),
    )
    for number in range(limits.CHANGE_BURST + 200):
        with suppress(ConfideError):
            calls[number % 3]()
    assert audited.written() <= 2 * limits.CHANGE_BURST + len(calls)
    with pytest.raises(TooManyCalls, match="creating and cancelling"):
        calls[0]()
    assert audited.create_task(caller("carol"), request("carol")).initiator == "carol"
    clock.time += limits.CHANGE_SECONDS
    calls[0]()
