"""A whole installation on this machine, of real processes: machine, PCCS, host, and parties in own folders.

Identities and prepared datasets are made in this process, for speed; everything that a task needs is run
through the scripts that a user runs. Ports are the operating system's choice.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import tomli_w

from confide.app import ca
from confide.app.identity import create_request, install_certificate, load_identity
from confide.app.system import SystemClock, SystemRandomness
from confide.crypto.identity import IdentityRole
from confide.crypto.keys import KeyKind
from confide.transport.host_client import HostClient

PATIENCE = 40
"""Seconds until a test stops waiting for another process: a shared machine may be slow."""
CLOCK, RANDOMNESS = SystemClock(), SystemRandomness()
AS_JSON = ("--format", "json")


def program(name):
    return str(Path(sys.executable).parent / name)


def until(found, what, seconds=PATIENCE, instead=lambda: "", pause=0.03):
    """The first true value of `found()`; `instead()` tells what there was when the time was up."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, f"no {what} in {seconds} s, but {instead()}"
        time.sleep(pause)
    return value


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @cached_property
    def envelope(self):
        assert self.out, self
        return json.loads(self.out)

    @property
    def result(self):
        assert (self.code, self.envelope["ok"]) == (0, True), self
        return self.envelope["result"]

    @property
    def error(self):
        """Of a failed command; checks that it ended with the exit code it tells."""
        assert not self.envelope["ok"], self
        error = self.envelope["error"]
        assert error["exit_code"] == self.code, self
        return error


@dataclass
class Running:
    """A process that runs; its standard output is read line by line, its standard error kept."""

    process: subprocess.Popen
    log: Path
    lines: list = field(default_factory=list)

    def __post_init__(self):
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def events(self):
        return [json.loads(line) for line in tuple(self.lines)]

    def ready(self):
        """The first line."""
        until(lambda: self.lines or self.process.poll() is not None, "ready line")
        assert self.lines, self.log.read_text()
        return self.events[0]

    def wait_for(self, name, task):
        """The event of that name in that task."""

        def find():
            named = (event for event in self.events if event["event"] == name)
            return next((event for event in named if event["task_id"] == task), None)

        return until(find, f"event '{name}' of task {task}", instead=lambda: self.lines)

    def send(self, number):
        self.process.send_signal(number)
        return self

    def wait(self, seconds=PATIENCE):
        """Until it has ended by itself."""
        code = self.process.wait(seconds)
        self._reader.join()
        self.process.stdout.close()
        return Done(code, "".join(self.lines), self.log.read_text())

    def end(self):
        """End it, gently at first."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        if self.process.poll() is None:
            self.process.kill()
        return self.wait()


class Site:
    """Everything in `base`, one folder per owner. `end` ends all processes, whatever they do."""

    def __init__(self, base):
        self.base = base
        # A Unix socket's path is short (unix(7)); the tests' folder may not be.
        self._machine = Path(tempfile.mkdtemp(prefix="cfd"))
        self._running = []
        self._logs = 0
        self.passphrases = {}
        self.address = ""
        self.host = self.media = None
        self.host_settings = {}
        """More of its platform.toml."""
        ca.create_ca(
            self.folder("ca"),
            "test-ca",
            kind=KeyKind.P_384,
            passphrase=b"ca",
            now=CLOCK.now(),
            randomness=RANDOMNESS,
        )

    def begin(self, **launcher):
        """Start hardware and host, as platform cloud. Ends everything if it can't."""
        try:
            self.identity("cloud", IdentityRole.PLATFORM, ("127.0.0.1",))
            self.start_hardware()
            self.serve(**launcher)
        except BaseException:
            self.end()
            raise
        return self

    def join(self, name, **configuration):
        """A party: its identity, and its confide.toml."""
        self.identity(name)
        data = {"train": "prepared", "predict": "later"}
        self.configure(name, data=data, **configuration)

    # --- owners ------------------------------------------------------------------------------------------

    def folder(self, owner):
        path = self.base / owner
        path.mkdir(parents=True, exist_ok=True)
        return path

    def identity(self, name, role=IdentityRole.PARTY, hosts=()):
        self.passphrases[name] = f"passphrase of {name}"
        directory = self.folder(name) / "identity"
        request = create_request(
            directory,
            name,
            role=role,
            kind=KeyKind.P_384,
            hosts=hosts,
            passphrase=self.passphrases[name].encode(),
            randomness=RANDOMNESS,
        )
        _, certificate = ca.issue_certificate(
            self.base / "ca", request, passphrase=b"ca", now=CLOCK.now(), randomness=RANDOMNESS
        )
        install_certificate(directory, certificate, (self.base / "ca" / ca.CA_FILE).read_bytes(), CLOCK.now())

    def write(self, owner, name, document):
        path = self.folder(owner) / name
        path.write_text(document if isinstance(document, str) else tomli_w.dumps(document))
        return path

    def configure(
        self, name, *, file="confide.toml", address=None, root=None, mrenclave=None, pccs=None, **more
    ):
        """A party's confide.toml."""
        document = {
            "platform": {"address": address or self.address},
            "attestation": {
                "roots": [str(root or self.machine["root"])],
                "mrenclave": [mrenclave or self.machine["measurement"]],
                "pccs": pccs or self.pccs["url"],
            },
            **more,
        }
        return self.write(name, file, document)

    def client(self, name):
        """Calls to the host as this party, from the test's own process. The caller closes it."""
        me = load_identity(self.base / name / "identity", self.passphrases[name].encode(), CLOCK.now())
        return HostClient(
            self.address,
            key_pem=me.private_key.to_pem_unencrypted(),
            certificate_pem=me.certificate_pem,
            ca_pem=me.ca_pem,
        )

    # --- processes ---------------------------------------------------------------------------------------

    def _environment(self, owner, passphrase):
        own = {"CONFIDE_PASSPHRASE": passphrase or self.passphrases.get(owner, "")}
        return {**os.environ, **own, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def start(self, owner, *command, passphrase=None, stdin=subprocess.DEVNULL):
        """`command`: a script's name and its arguments; ended with the site if not before."""
        self._logs += 1
        log = self.folder(owner) / f"{self._logs}-{command[0]}-{command[1]}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [program(command[0]), *command[1:]],
                cwd=self.base / owner,
                env=self._environment(owner, passphrase),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        running = Running(process, log)
        self._running.append(running)
        return running

    def confide(self, owner, *arguments, passphrase=None):
        """Run `confide … --format json` to its end."""
        return self.start(owner, "confide", *arguments, *AS_JSON, passphrase=passphrase).wait()

    def serve(self, **launcher):
        """Start the host; the address that the first one has been given stays for those after it."""
        entry = {"command": self.loader, **launcher}
        document = {"address": self.address or "127.0.0.1:0", "launcher": entry, **self.host_settings}
        self.write("cloud", "platform.toml", document)
        self.host = self.start("cloud", "confide", "platform", "serve", *AS_JSON)
        ready = self.host.ready()["result"]
        self.address = ready["address"]
        return ready

    @property
    def loader(self):
        return [program("confide-sim"), "launch", "--machine", str(self._machine / "machine.sock")]

    def start_hardware(self):
        """The simulated machine and its PCCS."""
        self.start_machine()
        self.pccs = self.start("cloud", "confide-sim", "pccs", "--dir", str(self._machine)).ready()

    def start_machine(self):
        """It has the same keys each time."""
        self.machine_process = self.start("cloud", "confide-sim", "machine", "--dir", str(self._machine))
        self.machine = self.machine_process.ready()

    def provide(self, name, *arguments, **how):
        """Start `confide provider serve` of a party and wait until it has said that it is ready."""
        provider = self.start(name, "confide", "provider", "serve", *arguments, *AS_JSON, **how)
        assert provider.ready()["event"] == "ready"
        return provider

    @property
    def said(self):
        """The last words of every process that runs, for a test that fails."""
        alive = (running for running in self._running if running.process.poll() is None)
        return [(running.process.args[1:4], running.lines[-3:]) for running in alive]

    def end(self):
        for running in reversed(self._running):
            running.end()
        shutil.rmtree(self._machine)


def children_of(pid):
    """Ids of the processes that a process has started and that are alive."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return {int(child) for thread in threads for child in (thread / "children").read_text().split()}


def alive(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


INTERRUPT, KILL = signal.SIGINT, signal.SIGKILL
