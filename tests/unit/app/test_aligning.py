"""A party's way to its common rows: through a host that is really there, with what breaks on the way."""

import threading
from contextlib import ExitStack
from types import SimpleNamespace

import msgspec
import pytest
from fakes import host_alone
from fakes.authority import Authority
from fakes.intersections import leftovers, mpc_python
from fakes.ports import FakeClock
from fakes.toy_datasets import toy_datasets
from fakes.tunnels import both, hosted
from fakes.world import train_task

from confide.app.intersect import Aligner
from confide.app.system import SystemRandomness
from confide.audit.log import AuditLog
from confide.core import limits
from confide.core.errors import (
    ChannelClosed,
    IntersectionFailed,
    IntersectionTooSmall,
    TooManyQuarantined,
)
from confide.protocol.terms import Intersection

ROWS, COMMON = 300, 200
NAMES = ("alice", "bob")


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """alice has ids 0 to 299, bob 0 to 199."""
    folders = {name: tmp_path_factory.mktemp(name) for name in NAMES}
    made = toy_datasets(folders["alice"], {"alice": ["city"]}, ROWS)
    shorter = toy_datasets(folders["bob"], {"none": ["city"], "bob": ["page"]}, COMMON)
    return {"alice": made["alice"], "bob": shorter["bob"]}


class Breaking:
    """A client of the host whose first leg ends after some frames."""

    def __init__(self, client, frames):
        self._client, self._left, self.legs = client, frames, 0
        self.get_task = client.get_task

    def relay(self, task, peer):
        leg = self._client.relay(task, peer)
        self.legs += 1
        if self.legs == 1:
            leg.send = self._breaking(leg)
        return leg

    def _breaking(self, leg):
        send = leg.send

        def breaking(frame):
            if self._left == 0:
                leg.close()
                raise ChannelClosed("the cable was pulled")
            self._left -= 1
            send(frame)

        return breaking


class Side:
    """One party with all that its Aligner needs."""

    def __init__(self, authority, name, client, task_id, folder):
        holder, self.events = authority.party(name), []
        identity = SimpleNamespace(
            private_key=holder.key, certificate_pem=holder.certificate_pem, ca_pem=authority.ca_pem
        )
        clock = FakeClock(authority.now)
        party = SimpleNamespace(
            me=name,
            identity=identity,
            clock=clock,
            randomness=SystemRandomness(),
            log=AuditLog(folder / "audit.jsonl", f"urn:confide:party:{name}", clock, actor=name),
            config=SimpleNamespace(
                mpc_python=mpc_python(),
                config=SimpleNamespace(records="tasks"),
                path=lambda relative: folder / relative,
            ),
        )
        self.tasks = folder / "tasks"
        self.folder = SimpleNamespace(folder=self.tasks / task_id, bring=lambda *_: None)
        self.align = Aligner(party, client, task_id, self.folder, self.events.append, threading.Event())
        self.told = lambda: [event.name for event in self.events if event.name != "progress"]


@pytest.fixture
def sides(authority, tmp_path):
    """(frames after which alice's first leg breaks) -> both sides."""
    with ExitStack() as stack:
        _, server, task_id = stack.enter_context(hosted(authority, tmp_path))

        def make(frames=None):
            made = {}
            for name in NAMES:
                client = stack.enter_context(host_alone.client(server, authority, name))
                if frames is not None and name == "alice":
                    client = Breaking(client, frames)
                folder = tmp_path / name
                folder.mkdir(mode=0o700)
                made[name] = Side(authority, name, client, task_id, folder)
            return made

        yield make


def agreed(**terms):
    return train_task("alice", ("bob",), alignment=Intersection(block_rows=64, **terms))


def run(sides, data, task):
    return both(*[lambda name=name: sides[name].align(task, data[name]) for name in NAMES])


def test_both_bring_the_same_ids_in_the_same_order(sides, data):
    here, task = sides(), agreed()
    alice, bob = run(here, data, task)
    assert alice.manifest.rows == bob.manifest.rows == COMMON
    assert alice.column("id") == bob.column("id")
    assert alice.id_set_digest() == bob.id_set_digest()
    assert here["alice"].align(task, data["alice"]) is alice
    for side in here.values():
        assert side.told() == ["intersected"]
        side.align.close()
        assert leftovers(side.tasks) == []


@pytest.mark.parametrize("frames", [1, 4, 9])
def test_a_leg_that_breaks_is_opened_anew(sides, data, frames):
    """During the handshake, and during the intersection."""
    here = sides(frames)
    alice, bob = run(here, data, agreed())
    assert alice.column("id") == bob.column("id")
    assert here["alice"].told() == ["intersecting-again", "intersected"]


def test_the_initiator_alone_learns(sides, data):
    alice, bob = run(sides(), data, agreed(membership="initiator"))
    assert alice.manifest.rows == COMMON
    assert bob is data["bob"]


def test_too_few_in_common(sides, data):
    here = sides()
    found = run(here, data, agreed(minimum_size=COMMON + 1))
    assert [type(error) for error in found] == [IntersectionTooSmall] * 2
    assert leftovers(here["alice"].tasks) == []


def test_other_terms_are_not_joined(sides, data, monkeypatch):
    """Who has agreed to another task is not spoken to."""
    monkeypatch.setattr(limits, "MAX_RETRIES", 0)
    here, tasks = sides(), {"alice": agreed(), "bob": agreed(ids="text/1")}
    found = both(*[lambda name=name: here[name].align(tasks[name], data[name]) for name in NAMES])
    assert all(isinstance(error, IntersectionFailed) for error in found)


def test_quarantined_rows_are_counted_here(sides, data):
    """The enclave will not hear of them."""
    whole = data["alice"].manifest
    source = msgspec.structs.replace(whole.source, rows=whole.rows * 3)
    manifest = msgspec.structs.replace(whole, source=source, quarantined={"empty id": whole.rows * 2})
    with pytest.raises(TooManyQuarantined):
        sides()["alice"].align(agreed(), SimpleNamespace(manifest=manifest))
