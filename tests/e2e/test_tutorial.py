"""docs/tutorial.md, command by command: real processes, one bash per terminal, loopback only."""

import csv
import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from ports import free_ports

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
TERMINALS = ("ca", "cloud", "shop", "media")
FENCE = re.compile(r"^```sh (\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READY = re.compile(r'"(?:machine|url)": |is ready at |is waiting for tasks at ')
PORTS_IN_TEXT = ("7443", "7081")
"""The one place where the fixed ports of the text are exchanged for free ones: see `blocks`."""
BLOCK_SECONDS = 90

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Block:
    """One fenced block: ```sh TERMINAL [background] [exit=N]."""

    terminal: str
    background: bool
    exit_code: int
    commands: str


def blocks(text):
    for port, free in zip(PORTS_IN_TEXT, free_ports(len(PORTS_IN_TEXT)), strict=True):
        text = text.replace(port, str(free))
    for terminal, marks, commands in FENCE.findall(text):
        wanted = re.search(r"exit=(\d+)", marks)
        yield Block(terminal, "background" in marks, int(wanted[1]) if wanted else 0, commands)


class Terminal:
    """A long-lived bash in one folder: variables and background jobs stay, as in a person's terminal."""

    def __init__(self, folder):
        scripts = str(Path(sys.executable).parent)
        environment = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        self.output = ""
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment | {"PATH": f"{scripts}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        os.set_blocking(self._bash.stdout.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bash.stdout, selectors.EVENT_READ)

    def run(self, block):
        """Run a block; the first command that fails ends it. Returns what it printed."""
        start = len(self.output)
        # The block runs in this very shell, so that what it sets stays; `set -e` would end the shell itself.
        lines = f"eval {quoted(chained(block.commands))} </dev/null; echo \"@@ended $?@@\"\n"
        self._bash.stdin.write(lines.encode())
        self._bash.stdin.flush()
        ended = self._wait_for(re.compile(r"@@ended (\d+)@@"), start)
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
        """End the shell and what it still runs in the background."""
        if self._bash.poll() is None:
            self._bash.communicate(b"kill $(jobs -p) 2>/dev/null; wait; exit 0\n", timeout=30)
        self._selector.close()


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def chained(commands):
    """A block whose first failing command ends it, with its exit code, while the shell stays."""
    return f"for _ in once; do\n{with_breaks(commands)}done"


def with_breaks(commands):
    """`|| break` after each command; here-documents and background commands are left as they are."""
    lines, delimiter = [], None
    for line in commands.splitlines():
        opens = re.search(r"<<'?(\w+)'?$", line)
        if delimiter is None and opens:
            delimiter = opens[1]
        elif delimiter is not None:
            delimiter = None if line == delimiter else delimiter
        elif line and not line.endswith(" &"):
            line += " || break"
        lines.append(line)
    return "\n".join(lines) + "\n"
