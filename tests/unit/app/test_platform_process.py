"""The host as a real process: ready line, a task, SIGTERM, SIGKILL and restart."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tomli_w

from confide.app import platform
from confide.app.identity import CA_FILE, CERTIFICATE_FILE, KEY_FILE, load_identity
from confide.app.platform import read_config
from confide.app.system import SystemClock, SystemRandomness
from confide.core.errors import AccessDenied, ConfigurationError, NotFound
from confide.core.platform_api import API_VERSION, Hello, TaskKind, TaskRequest, TaskState
from confide.core.version import VERSION
from confide.crypto.keystore import store_key
from confide.platform import processes, tasks
from confide.transport import end_records
from confide.transport.host_client import HostClient

PASSPHRASE = "correct horse"
ENCLAVE = """
import json, sys, time
json.loads(sys.stdin.readline())
print(json.dumps({"event": "ready", "address": "127.0.0.1:5"}), flush=True)
while True:
    print(json.dumps({"event": "heartbeat"}), flush=True)
    time.sleep(0.2)
"""
SERVE = "from confide.cli.platform import app; app(['serve', '--config', {!r}, '--format', 'json'])"
REQUEST = TaskRequest(name="clicks", kind=TaskKind.TRAIN, initiator="alice", providers=("bob",))


@pytest.fixture
def folder(authority, tmp_path):
    _store(tmp_path / "identity", authority.platform(), authority.ca_pem)
    config = {
        "address": "127.0.0.1:0",
        "launcher": {"command": [sys.executable, "-I", "-c", ENCLAVE], "public_host": "localhost"},
    }
    (tmp_path / "platform.toml").write_text(tomli_w.dumps(config))
    return tmp_path


def _store(directory, holder, ca_pem):
    directory.mkdir(mode=0o700)
    store_key(directory / KEY_FILE, holder.key, PASSPHRASE.encode(), SystemRandomness())
    (directory / CERTIFICATE_FILE).write_bytes(holder.certificate_pem)
    (directory / CA_FILE).write_bytes(ca_pem)


class Host:
    """One run of `confide platform serve`. Warnings are errors in it, too."""

    def __init__(self, folder, authority):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SERVE.format(str(folder / "platform.toml"))],
            env={**os.environ, "CONFIDE_PASSPHRASE": PASSPHRASE},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        self.ready = json.loads(line)["result"]
        self.alice = HostClient(
            self.ready["address"], **authority.party("alice").tls, ca_pem=authority.ca_pem
        )

    def running_task(self):
        task = self.alice.create_task(REQUEST).id
        deadline = time.monotonic() + 20
        while self.alice.get_task(task).state is not TaskState.RUNNING:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return task

    def end(self, number):
        self.alice.close()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


def test_serve_a_task_and_leave_on_sigterm(folder, authority):
    host = Host(folder, authority)
    assert host.ready["name"] == "platform"
    assert host.alice.handshake(Hello(api_version=API_VERSION, software="test")) == Hello(
        api_version=API_VERSION, software=VERSION, platform="platform"
    )
    task = host.running_task()
    bob = HostClient(host.ready["address"], **authority.party("bob").tls, ca_pem=authority.ca_pem)
    mallory = HostClient(host.ready["address"], **authority.party("mallory").tls, ca_pem=authority.ca_pem)
    with bob, mallory:
        assert bob.list_tasks()[0].enclave_address == "localhost:5"
        assert mallory.list_tasks() == ()
        with pytest.raises(AccessDenied):
            mallory.get_task(task)
        with pytest.raises(NotFound):
            bob.end_record(task)
    code, out, log = host.end(signal.SIGTERM)
    assert (code, out) == (0, "")
    assert f"task {task} created by alice" in log
    assert f"task {task} ended: {tasks.HOST_STOPPED}" in log
    assert "GetTask refused: CFD-503" in log
    assert "Traceback" not in log

    again = Host(folder, authority)
    assert again.ready["recovered"] == 0
    record = again.alice.end_record(task)
    end_records.verify(record, task=task, ca_pem=authority.ca_pem, now=authority.now)
    assert record.outcome == tasks.HOST_STOPPED
    assert again.end(signal.SIGINT) == (0, "", "")


def test_a_killed_host_finds_what_it_left(folder, authority):
    host = Host(folder, authority)
    task = host.running_task()
    children = _children(host.process.pid)
    host.end(signal.SIGKILL)
    assert host.process.returncode == -signal.SIGKILL
    again = Host(folder, authority)
    assert again.ready["recovered"] == 1
    assert again.alice.get_task(task).generation == 1
    deadline = time.monotonic() + 10
    while any(processes.mark_of(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert again.end(signal.SIGTERM)[0] == 0


def _children(pid):
    threads = Path(f"/proc/{pid}/task").iterdir()
    listed = {int(child) for thread in threads for child in (thread / "children").read_text().split()}
    assert listed
    return listed


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "launcher"),
        ("[launcher]\ncommand = []", "launcher.command is empty"),
        ("[launcher]\ncommand = ['x']\nenvironment = ['CONFIDE_PASSPHRASE']", "passphrase"),
        ("[launcher]\ncommand = ['x']\njoin_seconds = 60", "`idle_seconds` is the one time limit"),
        ("[launcher]\ncommand = ['x']\nidle_seconds = 0", "idle_seconds"),
        ("unknown = 1\n[launcher]\ncommand = ['x']", "unknown"),
        ("address = 5\n[launcher]\ncommand = ['x']", "address"),
        ("not toml", "platform.toml"),
    ],
)
def test_configurations_that_are_not_valid(tmp_path, text, named):
    (tmp_path / "platform.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=named):
        read_config(tmp_path / "platform.toml")


def test_no_configuration(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        read_config(tmp_path / "platform.toml")


def test_a_party_can_not_be_a_platform(tmp_path, authority):
    _store(tmp_path / "identity", authority.party("alice"), authority.ca_pem)
    (tmp_path / "platform.toml").write_text("[launcher]\ncommand = ['x']")
    identity = load_identity(tmp_path / "identity", PASSPHRASE.encode(), authority.now)
    config = read_config(tmp_path / "platform.toml")
    with (
        pytest.raises(ConfigurationError, match="alice is a party"),
        platform.running(config, tmp_path, identity, clock=SystemClock(), randomness=SystemRandomness()),
    ):
        pass
