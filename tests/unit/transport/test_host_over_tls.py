"""The host's RPCs over real loopback mutual TLS, with a service that only remembers."""

from dataclasses import dataclass, field

import pytest

from confide.core import limits
from confide.core.errors import (
    AccessDenied,
    ChannelClosed,
    ConfideError,
    ConfigurationError,
    LimitExceeded,
    NotFound,
    PlatformFailed,
    RemoteProtocolError,
    SignatureInvalid,
    Unreachable,
)
from confide.core.platform_api import (
    Caller,
    EndRecord,
    Hello,
    Role,
    SignedHead,
    TaskKind,
    TaskRequest,
    TaskState,
    TaskStatus,
)
from confide.crypto.certificates import verify_certificate
from confide.transport.host_client import HostClient
from confide.transport.host_server import serve_host

REQUEST = TaskRequest(name="clicks", kind=TaskKind.PREDICT, initiator="alice", providers=("bob",), token="t")
STATUS = TaskStatus(
    id="0" * 32,
    name="clicks",
    kind=TaskKind.TRAIN,
    state=TaskState.RUNNING,
    initiator="alice",
    providers=("bob", "carol"),
    created_at=1 << 37,
    enclave_address="127.0.0.1:5",
    phase="joining",
    waiting_for=("bob",),
)
END = EndRecord(
    task="0" * 32,
    outcome="complete",
    exit_code=-9,
    ended_at=5,
    receipt_digest=None,
    platform="platform",
    certificate="PEM",
    signature=b"\x00\xff",
)

HEAD = SignedHead(
    log="urn:confide:party:alice",
    number=1 << 40,
    digest="ab" * 48,
    task="0" * 32,
    time=5,
    certificate="PEM",
    signature=b"\x00\xff",
)


@dataclass
class Remembering:
    """Implements HostService; `answer` may be an error to raise."""

    answer: object
    calls: list = field(default_factory=list)

    def _call(self, *arguments):
        self.calls.append(arguments)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def handshake(self, caller, hello):
        return self._call("handshake", caller, hello)

    def create_task(self, caller, request):
        return self._call("create_task", caller, request)

    def get_task(self, caller, task):
        return self._call("get_task", caller, task)

    def list_tasks(self, caller):
        return self._call("list_tasks", caller)

    def cancel_task(self, caller, task):
        return self._call("cancel_task", caller, task)

    def end_record(self, caller, task):
        return self._call("end_record", caller, task)

    def exchange_heads(self, caller, head):
        return self._call("exchange_heads", caller, head)


def serve(authority, service):
    def identify(certificate):
        identity = verify_certificate(certificate, authority.ca_pem, authority.now)
        return Caller(name=identity.name, role=Role(identity.role.value), certificate=b"")

    return serve_host(
        "127.0.0.1:0", service, identify=identify, **authority.platform().tls, ca_pem=authority.ca_pem
    )


def client(server, authority, name="alice"):
    return HostClient(server.address, **authority.party(name).tls, ca_pem=authority.ca_pem)


@pytest.mark.parametrize(
    ("method", "arguments", "answer"),
    [
        (
            "handshake",
            (Hello(api_version=1, software="0.1"),),
            Hello(api_version=1, software="2", platform="p"),
        ),
        ("create_task", (REQUEST,), STATUS),
        ("get_task", ("0" * 32,), STATUS),
        ("list_tasks", (), (STATUS, STATUS)),
        ("list_tasks", (), ()),
        ("cancel_task", ("0" * 32,), STATUS),
        ("end_record", ("0" * 32,), END),
        ("exchange_heads", (HEAD,), (HEAD, HEAD)),
    ],
)
def test_every_call(authority, method, arguments, answer):
    service = Remembering(answer)
    with serve(authority, service) as server, client(server, authority) as host:
        assert getattr(host, method)(*arguments) == answer
    caller = Caller(name="alice", role=Role.PARTY, certificate=b"")
    assert service.calls == [(method, caller, *arguments)]


@pytest.mark.parametrize(
    ("raised", "expected", "text"),
    [
        (NotFound("no task x"), NotFound, "no task x"),
        (AccessDenied("not you"), AccessDenied, "not you"),
        (LimitExceeded("full"), LimitExceeded, "full"),
        (ConfigurationError("bad\x1b[31mname\n"), ConfigurationError, r"^bad \[31mname $"),
        (ConfigurationError("long" * 1000), ConfigurationError, "^(long){150}$"),
        (ConfigurationError("zwölf % 東"), ConfigurationError, "^zwölf % 東$"),
        (RemoteProtocolError("speak 2"), RemoteProtocolError, "speak 2"),
        (SignatureInvalid("inner"), PlatformFailed, "internal error"),
        (ConfideError("inner"), PlatformFailed, "internal error"),
        (OSError("inner"), PlatformFailed, "internal error"),
    ],
)
def test_errors_cross_by_their_code(authority, raised, expected, text):
    with (
        serve(authority, Remembering(raised)) as server,
        client(server, authority) as host,
        pytest.raises(expected, match=text) as got,
    ):
        host.get_task("0" * 32)
    assert type(got.value) is expected
    assert "inner" not in str(got.value)


def test_too_large_a_request(authority):
    with (
        serve(authority, Remembering(STATUS)) as server,
        client(server, authority) as host,
        pytest.raises(LimitExceeded),
    ):
        host.get_task("0" * limits.MAX_CONTROL_BYTES)


def test_certificates_of_another_ca_are_refused_at_both_ends(authority, foreign_authority):
    service = Remembering(STATUS)
    with serve(authority, service) as server:
        for tls, ca in (
            (foreign_authority.party("alice").tls, authority.ca_pem),
            ({"key_pem": None, "certificate_pem": None}, authority.ca_pem),
            (authority.party("alice").tls, foreign_authority.ca_pem),
        ):
            with HostClient(server.address, **tls, ca_pem=ca) as host, pytest.raises(Unreachable):
                host.get_task("0" * 32)
    assert service.calls == []


def test_a_party_does_not_pass_for_a_host(authority):
    """A party's certificate names no host, so that nobody can serve with it."""
    bob = authority.party("bob").tls
    with (
        serve_host(
            "127.0.0.1:0", Remembering(STATUS), identify=lambda _: None, **bob, ca_pem=authority.ca_pem
        ) as server,
        client(server, authority) as host,
        pytest.raises(Unreachable),
    ):
        host.get_task("0" * 32)


def test_nobody_there_and_closed(authority):
    host = HostClient("127.0.0.1:1", **authority.party("alice").tls, ca_pem=authority.ca_pem)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        host.list_tasks()
    host.close()
    with pytest.raises(ChannelClosed):
        host.list_tasks()


def test_an_address_in_use(authority):
    with (
        serve(authority, Remembering(STATUS)) as server,
        pytest.raises(ConfigurationError, match="can't listen"),
    ):
        serve_host(
            server.address,
            Remembering(STATUS),
            identify=lambda _: None,
            **authority.platform().tls,
            ca_pem=authority.ca_pem,
        )
