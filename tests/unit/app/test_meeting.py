"""Two parties meet at a relay that has no room for one of them: nobody is to blame, it is tried again."""

import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from fakes import host_alone
from fakes.authority import Authority
from fakes.ports import FakeClock
from fakes.tunnels import both, hosted

from confide.app.meeting import Meeting, NobodyCame
from confide.app.party_config import MpcEntry
from confide.app.system import SystemRandomness
from confide.core import limits
from confide.core.errors import ConfideError, IntersectionFailed

PURPOSE = "0" * 96
HELD = (("alice", "carl"), ("bob", "carl"))


class Clock(FakeClock):
    """Certificates are looked at when they were made; patience passes."""

    def monotonic(self):
        return time.monotonic()


@pytest.fixture
def crowded(tmp_path, monkeypatch, request):
    """(service, meetings of alice and bob, the task, what they hold already); no more legs than that."""
    limit, most = request.param
    monkeypatch.setattr(limits, limit, most)
    monkeypatch.setattr(limits, "RELAY_BURST", 1_000)
    monkeypatch.setattr(limits, "RELAY_SECONDS", 0.05)
    authority = Authority()
    with hosted(authority, tmp_path, ("bob", "carl")) as (service, server, task), ExitStack() as stack:
        meetings, legs = {}, []
        for name, peer in HELD:
            holder = authority.party(name)
            client = stack.enter_context(host_alone.client(server, authority, name))
            party = SimpleNamespace(
                me=name,
                identity=SimpleNamespace(
                    private_key=holder.key, certificate_pem=holder.certificate_pem, ca_pem=authority.ca_pem
                ),
                clock=Clock(authority.now),
                randomness=SystemRandomness(),
                config=SimpleNamespace(config=SimpleNamespace(mpc=MpcEntry())),
            )
            legs.append(client.relay(task, peer))
            with pytest.raises(TimeoutError):
                legs[-1].receive(0.2)
            meetings[name] = Meeting(party, client, task, threading.Event())
        yield SimpleNamespace(service=service, meetings=meetings, task=task, legs=legs)


ROOMS = pytest.mark.parametrize(
    "crowded", [("MAX_RELAY_LEGS_OF_PARTY", 1), ("MAX_RELAY_LEGS", 2)], indirect=True, ids=lambda p: p[0]
)


def meet(crowded, name, patience):
    peer = {"alice": "bob", "bob": "alice"}[name]
    with crowded.meetings[name].tunnel(
        peer, PURPOSE, lambda: 1, client=name == "alice", patience=patience
    ) as tunnel:
        return tunnel.port


@ROOMS
def test_no_room_at_the_relay_is_nobody_yet(crowded):
    with pytest.raises(NobodyCame):
        meet(crowded, "bob", 0.3)


@ROOMS
def test_once_there_is_room_they_meet(crowded):
    def make_room():
        time.sleep(0.3)
        for leg in crowded.legs:
            leg.close()

    ports = both(lambda: meet(crowded, "alice", 20), lambda: meet(crowded, "bob", 20), make_room)[:2]
    assert all(isinstance(port, int) for port in ports), ports


@pytest.mark.parametrize("crowded", [("MAX_RELAY_LEGS", 2)], indirect=True)
def test_who_waits_for_room_hears_of_the_tasks_end(crowded):
    host_alone.end(crowded.service, crowded.task)
    with pytest.raises(ConfideError) as ended:
        meet(crowded, "bob", 20)
    assert isinstance(ended.value, IntersectionFailed)
    assert "ended" in ended.value.message


def test_a_provider_has_a_leg_for_each_of_its_tasks():
    assert limits.MAX_RELAY_LEGS_OF_PARTY >= limits.MAX_TASKS_OF_PROVIDER
    assert limits.MAX_RELAY_LEGS_OF_PARTY >= limits.MAX_RUNNING_PER_INITIATOR
    assert limits.MAX_WAITING_LEGS < limits.MAX_RELAY_LEGS
