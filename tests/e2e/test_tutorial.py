"""docs/tutorial.md, command by command: one bash per terminal, real processes, loopback only."""

import json
import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
TERMINALS = ("ca", "cloud", "shop", "media")
FENCE = re.compile(r"^```sh (\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READY = re.compile(r'"machine": |"url": |is ready at |is waiting for tasks at ')
BLOCK_SECONDS = 120

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Block:
    """One fenced block: ```sh TERMINAL [background] [exit=N]."""

    terminal: str
    background: bool
    exit_code: int
    commands: str


def read_blocks():
    text = TUTORIAL.read_text(encoding="utf-8")
    # The one place where the fixed ports of the text are exchanged for free ones.
    for port in ("7443", "7081"):
        text = text.replace(port, str(free_port()))
    for terminal, marks, commands in FENCE.findall(text):
        wanted = re.search(r"exit=(\d+)", marks)
        yield Block(terminal, "background" in marks, int(wanted[1]) if wanted else 0, commands)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Terminal:
    """A long-lived bash in one folder: variables and background jobs stay, as in a person's terminal."""

    def __init__(self, folder, script):
        loopback = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        without = {name: value for name, value in os.environ.items() if name != "CONFIDE_PASSPHRASE"}
        self.output, self._script = "", script
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=without | path | loopback,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        os.set_blocking(self._bash.stdout.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bash.stdout, selectors.EVENT_READ)

    def run(self, block):
        """Run a block to its end, or until its background command is ready. Returns what was printed."""
        start = len(self.output)
        self._script.write_text(ending_at_failure(block.commands))
        self._bash.stdin.write(f'. "{self._script}" </dev/null; echo "@ended $?@"\n'.encode())
        self._bash.stdin.flush()
        ended = self._wait_for(re.compile(r"@ended (\d+)@"), start)
        assert int(ended[1]) == block.exit_code, f"{block.terminal}$ {block.commands}\n{self.output[start:]}"
        if block.background:
            self._wait_for(READY, start)
        return self.output[start:]

    def _wait_for(self, pattern, start):
        deadline = time.monotonic() + BLOCK_SECONDS
        while (found := pattern.search(self.output, start)) is None:
            assert time.monotonic() < deadline, f"no {pattern.pattern!r} in:\n{self.output[start:]}"
            assert self._bash.poll() is None, f"bash has ended:\n{self.output[start:]}"
            if self._selector.select(timeout=1):
                self.output += (self._bash.stdout.read() or b"").decode(errors="replace")
        return found

    def close(self):
        """End the shell, and what still runs in its background."""
        self._selector.close()
        os.set_blocking(self._bash.stdout.fileno(), True)
        self._bash.communicate(b"kill $(jobs -p) 2>/dev/null; wait; exit 0\n", timeout=60)


def ending_at_failure(commands):
    """The block as a script to source: its first command that fails ends it, and the shell stays."""
    lines, delimiter = [], None
    for line in commands.splitlines():
        opened = re.search(r"<<'?(\w+)'?$", line)
        if delimiter is None and opened:
            delimiter = opened[1]
        elif delimiter is not None:
            delimiter = None if line == delimiter else delimiter
        elif line and not line.endswith(" &"):
            lines.append(f"{line} || return")
            continue
        lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def done():
    """The folders that the tutorial leaves, and what its blocks printed."""
    # A Unix socket's path is short (unix(7)); pytest's own folders may not be.
    base = Path(tempfile.mkdtemp(prefix="cfd"))
    terminals = {}
    try:
        for name in TERMINALS:
            (base / name).mkdir()
            terminals[name] = Terminal(base / name, base / f"{name}.block")
        yield base, [(block, terminals[block.terminal].run(block)) for block in read_blocks()]
    finally:
        for terminal in terminals.values():
            terminal.close()
        shutil.rmtree(base)


def printed(done, terminal, command):
    """What the first block with this command printed."""
    return next(text for block, text in done[1] if block.terminal == terminal and command in block.commands)


def test_the_receipt_verifies_at_both_parties(done):
    for party in ("shop", "media"):
        assert "The receipt is valid." in printed(done, party, "confide receipt verify")
    assert (done[0] / "media" / "tasks").is_dir()


def test_model_and_predictions_exist_at_shop_only(done):
    base, _ = done
    assert [path.parts[-4] for path in base.glob("*/tasks/*/model.confide")] == ["shop"]
    assert {path.parts[-4] for path in base.glob("*/tasks/*/predictions.csv")} == {"shop"}
    assert {path.name for path in base.glob("media/tasks/[!.]*/*")} == {
        "events.jsonl",
        "train-block.json",
        "predict-block.json",
        "receipt.json",
        "ended.json",  # of the task that the tutorial has refused
    }


def test_together_is_better_than_alone(done):
    (report,) = done[0].glob("shop/tasks/*/report.json")
    metrics = json.loads(report.read_bytes())["metrics"]
    assert metrics["joint"]["auc"] > metrics["initiator"]["auc"]


def test_predictions_of_the_same_and_of_a_fresh_enclave_are_the_same(done):
    first, second = sorted(path.read_bytes() for path in done[0].glob("shop/tasks/*/predictions.csv"))
    assert first == second


def test_the_list_shows_whole_ids_and_how_tasks_ended(done):
    listed = printed(done, "shop", "confide task list")
    assert listed.count("ended: completed") == 2
    assert all(
        path.name in listed for path in done[0].glob("media/tasks/*") if (path / "receipt.json").exists()
    )


def test_refusals_name_their_reason_and_send_nothing(done):
    assert "CFD-204" in printed(done, "shop", "strict.toml")
    assert "CFD-203" in printed(done, "shop", "production.toml")
    # A refused task leaves no folder: only those whose enclave was accepted have one, with what was said.
    assert all((path / "events.jsonl").exists() for path in done[0].glob("shop/tasks/[!.]*"))


def test_a_simulated_root_is_always_named_as_such(done):
    for command in ("task train", "receipt verify", "task predict"):
        assert "SIMULATED trust root: this enclave protects nothing" in printed(done, "shop", command)


def test_all_background_commands_have_ended(done):
    base, _ = done
    folders = {str(base / name) for name in TERMINALS}
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = str((process / "cwd").readlink()) in folders
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if inside and b"confide" in words:
            left.append(words)
    assert left == []
