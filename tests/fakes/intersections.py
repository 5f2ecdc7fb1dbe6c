"""Both sides of an intersection in one process, with the real library in children of it."""

import contextlib
import os
import tempfile
import threading
import time
from pathlib import Path

import pytest
from fakes.tunnels import both, ends

from confide.app.system import SystemRandomness
from confide.core.digest import sha384_hex
from confide.core.errors import IntersectionFailed
from confide.mpc.end_to_end import SecureLink
from confide.mpc.intersection import Settings, intersecting
from confide.mpc.tunnel import Tunnel
from confide.transport.memory import link_pair

ROOT = Path(__file__).resolve().parents[2]


def mpc_python():
    """The interpreter that has the library: `make test` makes it. Without it these tests fail."""
    if os.environ.get("CONFIDE_WITHOUT_MPC"):
        pytest.skip("the library has no wheel for this CPython")
    python = os.environ.get("CONFIDE_MPC_PYTHON", str(ROOT / ".venv-mpc" / "bin" / "python"))
    assert Path(python).exists(), "run `make install-mpc` first, or name an interpreter in CONFIDE_MPC_PYTHON"
    return python


def settings(folder, *, receiver, python=None, **changes):
    fields = {
        "protocol": "rr22",
        "both_learn": True,
        "receiver": receiver,
        "name": sha384_hex(b"test"),
        "folder": folder / ("alice" if receiver else "bob"),
        "python": python or mpc_python(),
        "seconds": 30,
    }
    return Settings(**(fields | changes))


def silent(_stage, _done, _total):
    """Implements core.ports.Progress."""


@contextlib.contextmanager
def tunnel_over(link, own, target):
    with Tunnel(SecureLink(link, own), target, first=own.client) as tunnel:
        yield tunnel


def run_both(authority, ids, folder, *, cancelled=None, links=None, more=(), tell=silent, **changes):
    """What both have found, or what is raised, at alice and at bob.

    `links`: of the first attempt; `more`: of those that follow when one fails.
    """
    attempts = [links or link_pair(), *more]
    stop = cancelled or threading.Event()

    def side(place, me, peer):
        own = settings(folder, receiver=place == 0, **changes)
        with intersecting(
            ids[place], own, randomness=SystemRandomness(), tell=tell, cancelled=stop
        ) as attempting:
            for links_now in attempts:
                try:
                    return attempting.attempt(
                        lambda target, link=links_now[place]: tunnel_over(
                            link, ends(authority, me, peer), target
                        ),
                        lambda _: None,
                    )
                except IntersectionFailed:
                    if links_now is attempts[-1]:
                        raise
            raise AssertionError("no attempt")

    return both(lambda: side(0, "alice", "bob"), lambda: side(1, "bob", "alice"))


def leftovers(folder):
    """Files in a folder, and traces that stay: those of other tests' workers come and go."""
    deadline = time.monotonic() + 10
    while traces := list(Path(tempfile.gettempdir()).glob("psi_*.trace")):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return [str(path) for path in (*folder.rglob("*"), *traces)]
