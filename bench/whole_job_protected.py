"""The whole protected job with real processes: CA, simulated machine, PCCS, host, enclave, A, B.

They are started as confide_sim's demo starts them; only the data, the task and A's command differ: A runs
whole_job_initiator.py, which does what `confide task train` does and tells the time of each event.
"""

import json
import secrets
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import memory
import whole_job_files as job
from rich.console import Console

from confide_sim.demo.children import DemoFailed, children
from confide_sim.demo.files import AUTHORITY, INITIATOR, PLATFORM, PROVIDER
from confide_sim.demo.story import Story

A_SCRIPT = Path(__file__).resolve().with_name("whole_job_initiator.py")
SOURCES = (("train", "prepared", ()), ("test", "prepared-later", ("--without-label",)))
LETTERS = {INITIATOR: "A", PROVIDER: "B"}


class Protected(Story):
    """The demo with the bench's rows. After `run`: seconds by stage, peaks by process (MiB), the outcome."""

    def __init__(self, base, data):
        super().__init__(base, 0, Console(quiet=True))
        self._text = data
        self.seconds, self.setup_seconds, self.outcome = {}, 0.0, {}
        self.watch = memory.Watch(name_of)

    def run(self):
        """Keys, certificates and services are there before a job begins: their time is told apart."""
        began = time.monotonic()
        self._prepare_folders()
        words = {owner: secrets.token_urlsafe(16) for owner in (AUTHORITY, PLATFORM, INITIATOR, PROVIDER)}
        with children(self._base, words) as running, tempfile.TemporaryDirectory() as short, self.watch:
            self._identities(running)
            self._platform(running, Path(short))
            self._write_task()
            self.setup_seconds = time.monotonic() - began
            began = time.monotonic()
            self._data(running)
            self.seconds["prepare"] = time.monotonic() - began
            self._task(running)
        return self.seconds

    def _data(self, running):
        """Both parties at the same time, as they would on machines of their own."""
        with ThreadPoolExecutor(len(job.PARTIES)) as pool:
            list(pool.map(lambda party: self._prepare(running, party), job.PARTIES))

    def _prepare(self, running, party):
        for source, out, more in SOURCES:
            text = self._text / source / job.PARTIES[party]
            files = [f"{text}.tsv", "--schema", f"{text}.schema.toml", "--out", out]
            running.run(party, "confide", "data", "prepare", *files, *more, "--format", "json")

    def _write_task(self):
        (self._base / PROVIDER / "consent.toml").write_text(job.consent_toml())
        (self._base / INITIATOR / "train.toml").write_text(job.train_toml())
        (self._base / INITIATOR / "predict.toml").write_text(job.predict_toml())

    def _task(self, running):
        began = time.monotonic()
        serve = ("confide", "provider", "serve", "--consent", "consent.toml", "--tasks", "1")
        provider = running.start(PROVIDER, *serve)
        lines = self._initiate(running)
        if provider.wait(60):
            raise DemoFailed(f"B's service failed; see the logs below {self._base}")
        self.outcome = lines[-1]["outcome"]
        self.seconds |= stages(lines, began)

    def _initiate(self, running):
        done = subprocess.run(
            [sys.executable, A_SCRIPT, "train.toml", "predict.toml"],
            cwd=self._base / INITIATOR,
            env=running.environment(INITIATOR),
            stdout=subprocess.PIPE,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    def result(self, name):
        """A file that A has received."""
        return self._base / INITIATOR / self.outcome[name]


def stages(lines, began):
    """Seconds by stage, from A's events. Every moment between `began` and the last event is in one stage."""
    found, at = {}, began
    names = {"created": "start A", "started": "start enclave", "verified": "attest", "end": "close"}
    training = True
    for line in lines:
        event, stage = line["event"], line.get("stage")
        name = names.get(event)
        if event in {"agreed", "received", "result"}:
            name = {"agreed": "agree", "received": "seal, send, open, check", "result": "deliver"}[event]
            name += "" if training else ", test"
            training = training and event != "result"
        elif event == "progress" and line["ended"]:
            name = {"join": "join" if training else "join, test", "predict": "encode and predict"}.get(
                stage, stage
            )
        elif event == "progress" and stage == "train":
            name = job.FIRST_ROWS
        if name is not None:
            found[name] = found.get(name, 0) + line["at"] - at
            at = line["at"]
    return found


def name_of(pid, arguments):
    """Which process of the job this is."""
    if "confide.app.enclave" in arguments:
        return "enclave"
    if str(A_SCRIPT) in arguments:
        return "A: task"
    if "serve" in arguments:
        return "B: task" if "provider" in arguments else "host"
    if "prepare" in arguments:
        return f"{LETTERS[Path(f'/proc/{pid}/cwd').readlink().name]}: prepare"
    return next((name for name in ("machine", "pccs") if name in arguments), None)
