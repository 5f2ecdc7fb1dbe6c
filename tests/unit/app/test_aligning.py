"""A party's way to its common rows: through a host that is really there, with what breaks on the way."""

import shutil
import stat
import threading
from contextlib import ExitStack
from types import SimpleNamespace

import msgspec
import pytest
from fakes import host_alone, simulated_library
from fakes.authority import Authority
from fakes.intersections import leftovers, mpc_python
from fakes.ports import FakeClock
from fakes.toy_datasets import toy_datasets
from fakes.tunnels import both, free_port, hosted
from fakes.world import train_task

from confide.app.common_rows import CommonRows
from confide.app.intersect import Aligner
from confide.app.party_config import DirectEntry, MpcEntry
from confide.app.resuming import TaskJournal
from confide.app.system import SystemRandomness
from confide.audit.log import AuditLog
from confide.core import limits
from confide.core.digest import digest_of, sha384_hex
from confide.core.errors import (
    ChannelClosed,
    IntersectionChanged,
    IntersectionFailed,
    IntersectionTooSmall,
    JournalInvalid,
    TaskCancelled,
    TooManyQuarantined,
)
from confide.crypto.journal_key import JournalKey
from confide.mpc import intersection
from confide.protocol.terms import Intersection

ROWS, COMMON, OF_ALL = 300, 200, 100
NAMES = ("alice", "bob")


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """alice has ids 0 to 299, bob 0 to 199, carl 0 to 99."""

    def made(name, columns, rows):
        return toy_datasets(tmp_path_factory.mktemp(name), {**columns, name: ["page"]}, rows)[name]

    return {
        "alice": toy_datasets(tmp_path_factory.mktemp("alice"), {"alice": ["city"]}, ROWS)["alice"],
        "bob": made("bob", {"none": ["city"]}, COMMON),
        "carl": made("carl", {"none": ["city"]}, OF_ALL),
    }


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

    def __init__(self, authority, name, client, task_id, folder, *, direct=None, aligner=Aligner):
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
                config=SimpleNamespace(records="tasks", mpc=MpcEntry(direct=direct or {})),
                path=lambda relative: folder / relative,
            ),
        )
        self.tasks = folder / "tasks"
        self.folder = SimpleNamespace(folder=self.tasks / task_id, bring=lambda *_: None)
        self.folder.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        key = JournalKey(holder.key, task_id)
        journal = TaskJournal(self.folder.folder, key, SystemRandomness())
        self.align = aligner(
            party, client, task_id, self.folder, journal, self.events.append, threading.Event()
        )
        self.facts = lambda name: next(event.facts for event in self.events if event.name == name)
        self.told = lambda: [event.name for event in self.events if event.name != "progress"]


@pytest.fixture
def sides(authority, tmp_path):
    """(frames after which alice's first leg breaks) -> both sides."""
    with ExitStack() as stack:
        _, server, task_id = stack.enter_context(hosted(authority, tmp_path, ("bob", "carl")))

        def make(frames=None, names=NAMES, direct=None, aligners=None, change=lambda client: client):
            made = {}
            for name in names:
                client = stack.enter_context(host_alone.client(server, authority, name))
                if frames is not None and name == "alice":
                    client = Breaking(client, frames)
                folder = tmp_path / name
                folder.mkdir(mode=0o700, exist_ok=True)
                ways = (direct or {}).get(name)
                aligner = (aligners or {}).get(name, Aligner)
                made[name] = Side(
                    authority, name, change(client), task_id, folder, direct=ways, aligner=aligner
                )
            return made

        yield make


def agreed(**terms):
    return train_task("alice", ("bob",), alignment=Intersection(block_rows=64, **terms))


def run(sides, data, task):
    return both(*[lambda name=name: sides[name].align(task, data[name]) for name in sides])


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
        side.align.journal.remove()
        assert leftovers(side.tasks) == [str(side.folder.folder)]


@pytest.mark.parametrize("frames", [1, 4, 9])
def test_a_leg_that_breaks_is_opened_anew(sides, data, frames):
    """During the handshake, and during the intersection."""
    here = sides(frames)
    alice, bob = run(here, data, agreed())
    assert alice.column("id") == bob.column("id")
    *again, done = here["alice"].told()  # it may come back before the other end has noticed
    assert (set(again), done) == ({"intersecting-again"}, "intersected")


def test_the_initiator_alone_learns(sides, data):
    alice, bob = run(sides(), data, agreed(membership="initiator"))
    assert alice.manifest.rows == COMMON
    assert bob is data["bob"]


def test_too_few_in_common(sides, data):
    here = sides()
    found = run(here, data, agreed(minimum_size=COMMON + 1))
    assert [type(error) for error in found] == [IntersectionTooSmall] * 2
    here["alice"].align.journal.remove()
    assert leftovers(here["alice"].tasks) == [str(here["alice"].folder.folder)]


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


@pytest.fixture
def simulated(monkeypatch):
    """Both sides' ids are intersected without the library: what is tested here is around it."""
    monkeypatch.setattr(intersection, "run_worker", simulated_library.run_worker)


# --- several providers --------------------------------------------------------------------------------

ALL = ("alice", "bob", "carl")


def of_all(**terms):
    return train_task("alice", ("bob", "carl"), alignment=Intersection(block_rows=64, **terms))


@pytest.mark.usefixtures("simulated")
def test_several_bring_the_same_ids_in_the_same_order(sides, data):
    here = sides(names=ALL)
    found = run(here, data, of_all())
    assert [brought.manifest.rows for brought in found] == [OF_ALL] * 3
    assert len({brought.id_set_digest() for brought in found}) == 1
    assert found[0].column("id") == found[1].column("id") == found[2].column("id")


@pytest.mark.usefixtures("simulated")
def test_of_several_the_initiator_alone_learns(sides, data):
    alice, bob, carl = run(sides(names=ALL), data, of_all(membership="initiator"))
    assert alice.manifest.rows == OF_ALL
    assert (bob, carl) == (data["bob"], data["carl"])


@pytest.mark.usefixtures("simulated")
@pytest.mark.parametrize(
    "task",
    [of_all(minimum_size=COMMON + 1), agreed(minimum_size=COMMON + 1, minimum_first=True)],
    ids=["several", "one"],
)
def test_providers_learn_nothing_of_too_few_in_common(sides, data, task):
    """Several do not in any case, one where the task says `minimum_first`: the initiator leaves before."""
    here = sides(names=task.participants)

    def first():
        try:
            return here["alice"].align(task, data["alice"])
        finally:  # it tells the enclave, which tells the others
            for side in here.values():
                side.align.cancelled.set()

    rest = [lambda name=name: here[name].align(task, data[name]) for name in task.providers]
    found = both(first, *rest)
    assert [type(error) for error in found] == [IntersectionTooSmall, *[TaskCancelled] * len(rest)]
    for name in task.providers:
        manifest = sha384_hex(data[name].manifest_bytes)
        kept = CommonRows(here[name].align.journal).of(digest_of(task), manifest)
        assert all(run.common is None for run in kept.values())


class Lying(Aligner):
    """Brings fewer ids to the run in which it learns."""

    def _until_found(self, task, terms, run, ids, kept):
        super()._until_found(task, terms, run, ids.slice(0, 50) if run.known else ids, kept)


@pytest.mark.usefixtures("simulated")
def test_a_provider_that_changes_its_ids_between_its_runs_is_named(sides, data):
    here = sides(names=ALL, aligners={"carl": Lying})
    found = run(here, data, of_all())
    assert isinstance(found[0], IntersectionChanged)
    assert found[0].blame == "carl"


# --- a process that dies ------------------------------------------------------------------------------


@pytest.mark.usefixtures("simulated")
def test_what_was_found_is_taken_up_by_another_process(sides, data):
    """Without the other party, which has gone on."""
    here, task = sides(), agreed()
    before = run(here, data, task)[1]
    again = sides(names=("bob",))["bob"]
    found = again.align.recall(task, data["bob"])
    assert found.manifest_bytes == before.manifest_bytes
    assert again.align.recall(agreed(minimum_size=2), data["bob"]) is None


@pytest.mark.usefixtures("simulated")
def test_who_was_not_heard_of_last_is_waited_for_a_while(sides, data, monkeypatch):
    """The other one may have heard us, or not: it does not come, and both go on with the same ids."""
    monkeypatch.setattr(limits, "LAST_WORD_SECONDS", -1)
    here, task = sides(), agreed()
    before = run(here, data, task)[1]
    common = CommonRows(here["bob"].align.journal)
    common.of(digest_of(task), sha384_hex(data["bob"].manifest_bytes))[0].heard = False
    common.write()
    again = sides(names=("bob",))["bob"]
    assert again.align(task, data["bob"]).manifest_bytes == before.manifest_bytes


@pytest.mark.usefixtures("simulated")
def test_common_rows_of_another_dataset_are_not_used(sides, data):
    here, task = sides(), agreed()
    run(here, data, task)
    again = sides(names=("bob",))["bob"]
    with pytest.raises(JournalInvalid, match="changed"):
        again.align.recall(task, data["carl"])
    assert b"dataset" not in (again.folder.folder / "common.sealed").read_bytes()
    assert stat.S_IMODE((again.folder.folder / "common.sealed").stat().st_mode) == 0o600


# --- few against many ---------------------------------------------------------------------------------


def modes_of(side):
    return {stat.S_IMODE(path.stat().st_mode) for path in (side.tasks / ".caches").rglob("*")}


def unbalanced(sides, data, number):
    """A task of its own, by fresh processes: (both sides, what both bring, bytes that alice received)."""
    here = sides()
    found = run(here, data, agreed(protocol="unbalanced", minimum_size=number))
    return here, [brought.column("id") for brought in found], here["alice"].facts("intersected")["received"]


def test_a_cache_is_used_again_and_is_private(sides, data):
    """By other tasks; what lies there tells nothing; who has lost its part is sent it again."""
    here, made, first = unbalanced(sides, data, 1)
    sealed = {path: path.read_bytes() for side in here.values() for path in side.tasks.rglob(".caches/*/*")}
    _, used, second = unbalanced(sides, data, 2)
    shutil.rmtree(here["alice"].tasks / ".caches")
    _, sent, third = unbalanced(sides, data, 3)
    assert made[0] == made[1]
    assert made == used == sent
    assert second < third <= first
    for path, content in sealed.items():
        if path.is_relative_to(here["alice"].tasks):
            continue
        assert path.read_bytes() == content
        for spelled in (b"x00000000", b"privKey", b"psi_joined_key"):
            assert spelled not in content
    for side in here.values():
        assert modes_of(side) == {0o600, 0o700}


# --- without the relay --------------------------------------------------------------------------------


class NoRelay:
    """A client of the host that can't relay."""

    def __init__(self, client):
        self.get_task = client.get_task


def directly(port):
    address = f"127.0.0.1:{port}"
    return {"alice": {"bob": DirectEntry(address=address)}, "bob": {"alice": DirectEntry(listen=address)}}


@pytest.mark.usefixtures("simulated")
def test_who_can_reach_each_other_needs_no_relay(sides, data):
    here = sides(direct=directly(free_port()), change=NoRelay)
    alice, bob = run(here, data, agreed())
    assert alice.column("id") == bob.column("id")
