"""What befalls a task of real processes at a chosen step, and what became of the task."""

import os
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fakes import fair
from fakes.gate import Gate
from fakes.site import KILL, Site, alive, children_of, until

from confide.app.records import read_events
from confide.core import canonical
from confide.core.platform_api import TaskState
from confide.protocol.receipts import decode_signed_receipt

ROWS, LATER = 600, 100
IDLE = 20
"""Seconds that the enclave waits for a party."""
LONG = 150
"""Seconds until it counts as endless: a quote alone may take 30, on a busy machine."""
PAUSE = 1.0
"""Seconds until what was broken is mended."""
SLOW = 20_000
"""Bytes a second."""
DISK = "16m"
INITIATOR_STEPS = (
    "proposal",
    "acceptance",
    "commit",
    "signature",
    "agreed",
    "opening",
    "data-block",
    "received",
    "progress",
    "result",
    "acknowledge",
    "offered again",
    "agreed again",
    "received again",
    "result again",
    "close",
    "receipt",
    "final-receipt",
)
"""Messages after which, as the initiator's journal tells them; "again": in the second round."""
PROVIDER_STEPS = (
    "offer",
    "notice",
    "commit",
    "signature",
    "agreed",
    "opening",
    "data-block",
    "received",
    "progress",
    "finished",
    "offer again",
    "agreed again",
    "received again",
    "finished again",
    "receipt",
    "final-receipt",
)
START = "enclave starts"
"""Before the initiator has verified it."""


@dataclass
class Case:
    """One mishap at one step, and its end."""

    mishap: str
    step: str
    outcome: str = ""
    """As the host records it."""
    initiator: str = ""
    """ "completed", a code, or "killed"."""
    provider: str = ""
    lost: list = field(default_factory=list)
    """What was lost without a word: must stay empty."""
    seconds: float = 0.0

    @property
    def completed(self):
        return self.initiator == self.provider == self.outcome == "completed"

    def document(self):
        return asdict(self) | {"completed": self.completed}


class Arena:
    """An installation in which one task after the other meets with a mishap. A context manager."""

    def __init__(self, base):
        self.base = base
        self.gate, self.site = Gate(), Site(base)
        self._disk = None

    def __enter__(self):
        try:
            self._mount()
            listen = ("--", "--listen", f"127.0.0.1:{self.gate.port}")
            self._launcher = {
                "command": [*self.site.loader, *listen],
                "public_host": self.gate.host,
                "idle_seconds": IDLE,
            }
            self.site.begin(**self._launcher)
            self._prepare()
            self.reference = self.run("none", "").numbers
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.site.end()
        self.gate.close()
        if self._disk:
            subprocess.run(["umount", self._disk], check=False)

    def _mount(self):
        """A small disk for the host, where one may mount; else its files are limited (setrlimit(2))."""
        disk = self.site.folder("cloud") / "disk"
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "confide-tests", str(disk)]
        if os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0:
            self._disk = str(disk)
        names = {"database": "platform.sqlite", "logs": "logs", "audit": "audit.jsonl"}
        self.site.host_settings = {key: f"disk/{name}" for key, name in names.items()}

    def _prepare(self):
        rows = list(fair.rows_of(fair.identifiers(ROWS), seed=1))
        later = list(fair.rows_of(fair.identifiers(LATER, "l"), seed=2))
        for owner in ("shop", "media"):
            self.site.join(owner)
            own = rows[20:] if owner == "shop" else rows[:-10][::-1]
            fair.prepare_for(self.site.folder(owner), owner, own, labelled=owner == "shop")
            fair.prepare_for(self.site.folder(owner), owner, later, name="later")
        rules = [fair.allow("media", kind) for kind in ("train", "predict")]
        self.site.write("media", "consent.toml", {"allow": rules})
        self.site.write("shop", "train.toml", fair.task("media"))
        self.site.write("shop", "later.toml", fair.prediction())
        self.provider = None

    # --- one task ----------------------------------------------------------------------------------------

    def run(self, mishap, step):
        """Raises AssertionError where a process does not come to an end."""
        self._mend()
        begin = time.monotonic()
        known = self._tasks()
        arguments = ("task", "train", "train.toml", "--then", "later.toml", "--format", "json")
        self.initiator = self.site.start("shop", "confide", *arguments)
        self.task = None
        self._known = known
        happened = MISHAPS.get(mishap)
        heal = None
        if happened and self._reach(step, known):
            heal = happened(self)
        if heal is not None:
            threading.Event().wait(PAUSE)
            heal()
        case = self._judge(Case(mishap, step))
        case.seconds = round(time.monotonic() - begin, 1)
        return case

    def _mend(self):
        """Everybody is there."""
        self.gate.open()
        self.gate.bytes_per_second = None
        if self.site.host.process.poll() is not None:
            self.site.serve(**self._launcher)
        with self.site.client("shop") as client:
            for left in client.list_tasks():
                if left.state is not TaskState.ENDED:
                    client.cancel_task(left.id)
        if self.site.machine_process.process.poll() is not None:
            self.site.start_machine()
        if self.provider is None or self.provider.process.poll() is not None:
            self.provide()

    def provide(self):
        self.provider = self.site.provide("media", "--consent", "consent.toml")

    def _tasks(self):
        folder = self.site.base / "shop" / "tasks"
        return {path.name for path in folder.iterdir()} if folder.exists() else set()

    def _reach(self, step, known):
        """Wait until the task has come to this step; False if it ended before."""
        if step == START:
            until(lambda: children_of(self.site.host.process.pid), "enclave")
            return True
        who = "media" if step.startswith("B: ") else "shop"
        word, _, again = step.removeprefix("B: ").partition(" ")
        while self.initiator.process.poll() is None:
            new = self._tasks() - known
            if new:
                events = read_whole(self.site.base / who / "tasks" / next(iter(new)))
                if sum(found(word, event) for event in events) > bool(again):
                    return True
            time.sleep(0.002)
        return False

    def _judge(self, case):
        done = self.initiator.wait(LONG)
        case.initiator = (
            "killed"
            if done.code == -KILL
            else "completed"
            if done.code == 0
            else str(done.envelope["error"]["code"])
        )
        self.task = done.envelope["result"]["task"] if done.code == 0 else self.newest()
        if self.site.host.process.poll() is not None:
            self.site.serve(**self._launcher)
        case.outcome = self._outcome()
        case.provider = self._word_of_provider()
        until(
            lambda: not any(map(alive, children_of(self.site.host.process.pid))), "end of the enclave", LONG
        )
        self._look_for_losses(case)
        return case

    def _enclaves(self):
        return children_of(self.site.host.process.pid)

    def resume(self, task):
        self.initiator = self.site.start("shop", "confide", "task", "resume", task, "--format", "json")

    def newest(self):
        """The task of this case, as far as the initiator has seen it."""
        known, new = self._known, self._tasks() - self._known
        if new:
            return next(iter(new))
        with self.site.client("shop") as client:
            listed = client.list_tasks()
        return listed[0].id if listed and listed[0].id not in known else None

    def _outcome(self):
        if self.task is None:
            return "no task"
        with self.site.client("shop") as client:

            def ended():
                status = client.get_task(self.task)
                return status if status.state is TaskState.ENDED else None

            return until(ended, "end", LONG, pause=0.3).outcome

    def _word_of_provider(self):
        """What it said of the end; one that was killed, or never saw the task, says nothing."""
        if self.task is None or self.provider.process.poll() is not None:
            return "killed" if self.task else ""

        def told():
            return [event for event in self.provider.events if event.get("task_id") == self.task]

        # It may have found the enclave gone before it could verify it: then it was never in the task.
        until(lambda: not told() or told()[-1]["event"] in {"ended", "not-reached"}, "end", LONG, told)
        if not told() or told()[-1]["event"] == "not-reached":
            return "not there"
        return told()[-1]["code"] or "completed"

    def _look_for_losses(self, case):
        """Nobody may believe in an end that is not that of the others, or hold another result."""
        folders = {name: self.site.base / name / "tasks" / str(self.task) for name in ("shop", "media")}
        receipts = {name: folder / "receipt.json" for name, folder in folders.items()}
        held = {
            n: canonical.encode(decode_signed_receipt(p.read_bytes()).receipt)
            for n, p in receipts.items()
            if p.exists()
        }
        if len(set(held.values())) > 1:
            case.lost.append("two receipts that differ")
        case.numbers = self._numbers(folders["shop"])
        reference = getattr(self, "reference", None)
        if case.numbers and reference and case.numbers != reference[: len(case.numbers)]:
            case.lost.append("another result than that of the undisturbed task")
        if case.initiator == "completed" and (len(held) < 1 or len(case.numbers) < 2):
            case.lost.append("completed, but without result or receipt")
        if not case.outcome:
            case.lost.append("no outcome at the host")
        refused = case.initiator not in {"completed", "killed"} and "shop" not in held
        if refused and "completed" in {case.provider, case.outcome}:
            case.lost.append("the initiator was told an error, the others an end")
        if case.initiator == "completed" and case.outcome != "completed":
            case.lost.append("the host was told an error, the parties an end")
        if case.initiator == "completed" and case.provider not in {"completed", "killed", "not there"}:
            case.lost.append("the provider was told an error, the initiator an end")

    def _numbers(self, folder):
        """What was learned and predicted, as the initiator holds it."""
        from confide.algorithms import model_file  # noqa: PLC0415

        found = []
        if (folder / "model.confide").exists():
            arrays = model_file.read((folder / "model.confide").read_bytes()).arrays
            found.append({name: array.tobytes() for name, array in arrays.items()})
        if (folder / "predictions.csv").exists():
            found.append((folder / "predictions.csv").read_bytes())
        return found


def read_whole(folder):
    """Its lines so far; the last may be half written."""
    with suppress(ValueError):
        return read_events(folder)
    return []


def found(word, event):
    return event["message"] == {"offered": "admission"}.get(word, word)


# --- mishaps: each returns how it is mended, or None -------------------------------------------------------


def kill_host(arena):
    arena.site.host.send(KILL).wait()
    return lambda: arena.site.serve(**arena._launcher)


def kill_enclave(arena):
    for pid in children_of(arena.site.host.process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, KILL)


def kill_initiator(arena):
    arena.initiator.send(KILL)


def kill_and_resume_initiator(arena):
    arena.initiator.send(KILL).wait()
    task = arena.newest()
    return lambda: arena.resume(task) if task else None


def kill_provider(arena):
    arena.provider.send(KILL).wait()
    return arena.provide


def kill_provider_for_good(arena):
    arena.provider.send(KILL).wait()


def kill_machine(arena):
    arena.site.machine_process.send(KILL).wait()
    return arena.site.start_machine


def cut_network(arena):
    arena.gate.shut()
    return arena.gate.open


def fill_disk(arena):
    """Of the host: its database, its audit log and the enclaves' logs can't grow."""
    if arena._disk:
        ballast = Path(arena._disk) / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))
        return ballast.unlink
    return _limit_files(arena.site.host.process.pid)


def _limit_files(pid):
    import resource  # noqa: PLC0415

    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    return lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def slow_link(arena):
    arena.gate.bytes_per_second = SLOW


MISHAPS = {
    "host killed, started again": kill_host,
    "enclave killed": kill_enclave,
    "initiator killed, resumed": kill_and_resume_initiator,
    "initiator killed": kill_initiator,
    "provider killed, started again": kill_provider,
    "provider killed": kill_provider_for_good,
    "TEE machine killed, started again": kill_machine,
    "network cut, restored": cut_network,
    "host's disk full, then not": fill_disk,
    "slow link": slow_link,
}
AT_PROVIDER = frozenset({"provider killed, started again", "provider killed"})


def steps_of(mishap):
    """All steps at which it is tried."""
    if mishap in AT_PROVIDER:
        return (START, *(f"B: {step}" for step in PROVIDER_STEPS))
    return (START, *INITIATOR_STEPS)
