"""Parties on their way to their common rows, through a host that is really there."""

import threading
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

from fakes import host_alone
from fakes.intersections import mpc_python
from fakes.ports import FakeClock
from fakes.toy_datasets import toy_datasets
from fakes.tunnels import both, hosted
from fakes.world import train_task

from confide.app.intersect import Aligner
from confide.app.party_config import MpcEntry
from confide.app.resuming import TaskJournal
from confide.app.system import SystemRandomness
from confide.audit.log import AuditLog
from confide.core.errors import ChannelClosed
from confide.crypto.journal_key import JournalKey
from confide.protocol.terms import Intersection

ROWS, COMMON, OF_ALL = 300, 200, 100
NAMES, ALL = ("alice", "bob"), ("alice", "bob", "carl")


def toy_data(folder_of):
    """alice has ids 0 to 299, bob 0 to 199, carl 0 to 99. `folder_of(name)` makes a folder."""

    def made(name, columns, rows):
        return toy_datasets(folder_of(name), {**columns, name: ["page"]}, rows)[name]

    return {
        "alice": toy_datasets(folder_of("alice"), {"alice": ["city"]}, ROWS)["alice"],
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


@contextmanager
def aligning(authority, base):
    """(…) -> the sides of `names`, of one task; made again, they are processes that take it up."""
    with ExitStack() as stack:
        _, server, task_id = stack.enter_context(hosted(authority, base, ("bob", "carl")))

        def make(frames=None, names=NAMES, direct=None, aligners=None, change=lambda client: client):
            made = {}
            for name in names:
                client = stack.enter_context(host_alone.client(server, authority, name))
                if frames is not None and name == "alice":
                    client = Breaking(client, frames)
                folder = base / name
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


def of_all(**terms):
    return train_task("alice", ("bob", "carl"), alignment=Intersection(block_rows=64, **terms))


def run(sides, data, task):
    return both(*[lambda name=name: sides[name].align(task, data[name]) for name in sides])
