"""A host whose enclaves are small Python programs: real processes, no TEE."""

import sys
import textwrap
import time
from dataclasses import dataclass

import pytest
from fakes.authority import Authority

from confide.app.platform import head_rate
from confide.app.system import SystemClock, SystemRandomness
from confide.audit.heads import HeadKeeper
from confide.audit.log import AuditLog
from confide.core.platform_api import Caller, Role, TaskKind, TaskRequest
from confide.platform.enclaves import Enclaves
from confide.platform.ending import Registrar
from confide.platform.heads import HeadDesk
from confide.platform.launcher import Launcher
from confide.platform.service import PlatformService
from confide.platform.supervision import Patience
from confide.storage.memory import MemoryTaskStore

PRELUDE = """
import json, os, signal, sys, time
config = json.loads(sys.stdin.buffer.readline())
def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)
"""
LIVES = """
say("ready", address="127.0.0.1:5")
say("state", state="joining", waiting_for=["bob", "nobody-we-know"], waiting_since=1_800_000_000)
while True:
    say("heartbeat")
    time.sleep(0.05)
"""
FINISHES = """
say("ready", address="127.0.0.1:5")
say("closed", outcome="complete", receipt_digest="ab" * 48)
"""
PATIENCE = Patience(start=5, silence=0.5, stop=1)


def caller(name, role=Role.PARTY):
    return Caller(name=name, role=role, certificate=b"")


ALICE, BOB, CAROL = caller("alice"), caller("bob"), caller("carol")


def request(**changes):
    fields = {"name": "clicks", "kind": TaskKind.TRAIN, "initiator": "alice", "providers": ("bob",)}
    return TaskRequest(**{**fields, **changes})


@pytest.fixture(scope="session")
def foreign_authority():
    return Authority("another-ca")


@dataclass
class Host:
    """All parts of a host, for one program as its enclave."""

    store: MemoryTaskStore
    enclaves: Enclaves
    service: PlatformService
    logs: object

    def create(self, **changes):
        return self.service.create_task(ALICE, request(**changes)).id

    def status(self, task):
        return self.store.get(task).status

    def wait(self, task, condition, seconds=10):
        deadline = time.monotonic() + seconds
        while not condition(self.status(task)):
            assert time.monotonic() < deadline, self.status(task)
            time.sleep(0.01)
        return self.status(task)

    def wait_ended(self, task):
        return self.wait(task, lambda status: status.ended_at is not None)


@pytest.fixture
def host_with(tmp_path, authority):
    """Makes a host from the program of its enclaves."""
    made = []

    def make(program, *, patience=PATIENCE, command=None, environment=None, store=None):
        platform = authority.platform()
        store = store or MemoryTaskStore()
        command = command or (sys.executable, "-I", "-c", PRELUDE + textwrap.dedent(program))
        launcher = Launcher(command=command, environment=environment or {}, logs=tmp_path)
        registrar = Registrar(
            store=store,
            clock=SystemClock(),
            signer=platform.key,
            platform="platform",
            certificate_pem=platform.certificate_pem.decode(),
        )
        enclaves = Enclaves(
            launcher=launcher, store=store, registrar=registrar, clock=SystemClock(), patience=patience
        )
        log = AuditLog(
            tmp_path / "audit.jsonl", "urn:confide:platform:platform", SystemClock(), actor="platform"
        )
        keeper = HeadKeeper(
            log=log,
            signer=platform.key,
            certificate_pem=platform.certificate_pem.decode(),
            ca_pem=authority.ca_pem,
            clock=SystemClock(),
        )
        service = PlatformService(
            store=store,
            enclaves=enclaves,
            heads=HeadDesk(keeper, head_rate(SystemClock().monotonic)),
            clock=SystemClock(),
            randomness=SystemRandomness(),
            platform="platform",
            software="test",
            ca_pem=authority.ca_pem.decode(),
        )
        host = Host(store, enclaves, service, tmp_path)
        made.append(host)
        return host

    yield make
    for host in made:
        host.enclaves.stop()


@pytest.fixture
def programs():
    return {"lives": LIVES, "finishes": FINISHES}
