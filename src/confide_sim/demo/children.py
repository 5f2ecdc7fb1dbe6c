"""The processes of the demo: started like a user would, ended whatever happens."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

READY_SECONDS = 60
END_SECONDS = 15


class DemoFailed(Exception):
    """A command of the demo failed; its output is in the message."""


def program(name: str) -> str:
    """A script of this Python's environment."""
    return str(Path(sys.executable).parent / name)


class Children:
    """Starts and ends processes; each works in its owner's folder under its owner's passphrase."""

    def __init__(self, base: Path, passphrases: dict[str, str]) -> None:
        self._base = base
        self._passphrases = passphrases
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def environment(self, owner: str) -> dict[str, str]:
        """The caller's, with the owner's passphrase; loopback traffic must not go to a proxy."""
        own = {"CONFIDE_PASSPHRASE": self._passphrases[owner], "NO_PROXY": "127.0.0.1,localhost"}
        return {**os.environ, **own, "no_proxy": "127.0.0.1,localhost"}

    def run(self, owner: str, *command: str) -> str:
        """Run a command to its end and return what it printed. Raises DemoFailed."""
        done = subprocess.run(  # noqa: S603 - our own scripts, no shell
            [program(command[0]), *command[1:]],
            cwd=self._base / owner,
            env=self.environment(owner),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise DemoFailed(_words(owner, command, done.returncode, done.stdout + done.stderr))
        return done.stdout.decode()

    def follow(self, owner: str, *command: str) -> None:
        """Run a command whose output the user sees as it comes. Raises DemoFailed."""
        done = subprocess.run(  # noqa: S603 - as above
            [program(command[0]), *command[1:]],
            cwd=self._base / owner,
            env=self.environment(owner),
            check=False,
        )
        if done.returncode:
            raise DemoFailed(_words(owner, command, done.returncode, b""))

    def start(self, owner: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a command that runs for long; its output goes to a log in its owner's folder."""
        log = self._base / owner / f"{command[0]}-{command[1]}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - as above
                [program(command[0]), *command[1:]],
                cwd=self._base / owner,
                env=self.environment(owner),
                stdout=subprocess.PIPE,
                stderr=file,
            )
        self._running.append((" ".join(command[:2]), process))
        return process

    def start_service(self, owner: str, *command: str) -> dict[str, Any]:
        """Start a command that says in one JSON line that it is ready; returns it. Raises DemoFailed."""
        process = self.start(owner, *command)
        line = process.stdout.readline() if process.stdout else b""
        try:
            ready: dict[str, Any] = json.loads(line)
        except ValueError:
            log = (self._base / owner / f"{command[0]}-{command[1]}.log").read_bytes()
            raise DemoFailed(_words(owner, command, process.poll(), line + log)) from None
        return ready

    def end(self) -> None:
        """End everything, the last started first."""
        for _, process in reversed(self._running):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        self._running.clear()


@contextmanager
def children(base: Path, passphrases: dict[str, str]) -> Iterator[Children]:
    """Children that are ended when the context is left."""
    made = Children(base, passphrases)
    try:
        yield made
    finally:
        made.end()


def _words(owner: str, command: tuple[str, ...], code: int | None, output: bytes) -> str:
    said = output.decode(errors="replace").strip()
    return f"{owner}$ {' '.join(command)}\nended with {code}\n{said}"
