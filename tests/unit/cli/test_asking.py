"""A person who is asked may think for as long as it takes: other tasks of this provider go on."""

import io
import os
import pty
import threading
from types import SimpleNamespace

import pytest
from fakes.flood import within
from fakes.world import train_task
from rich.console import Console

from confide.app.events import Event
from confide.cli.output import Format
from confide.cli.provider import _Asking, _Listeners
from confide.core import limits
from confide.core.errors import OfferDeclined

OFFER = SimpleNamespace(task=train_task(), algorithm=SimpleNamespace(name="afm"), model=None)


class Asked:
    """Questions at a terminal whose keys the test presses; what is printed."""

    def __init__(self, monkeypatch, terminal, keys):
        monkeypatch.setattr("sys.stdin", terminal)
        monkeypatch.setattr(limits, "POLL_SECONDS", 0.05)
        self._keys = keys
        self.out, self.stop, self.printing = io.StringIO(), threading.Event(), threading.Lock()
        self.console = Console(file=self.out, width=100)
        self._asking = _Asking(self.console, self.printing, self.stop)
        self.answers, self._threads = [], []

    def ask(self):
        thread = threading.Thread(target=self._ask, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _ask(self):
        try:
            self.answers.append(self._asking(OFFER, "media"))
        except OfferDeclined as declined:
            self.answers.append(declined.message)

    def type(self, text):
        self._keys.write(text.encode())

    def joined(self):
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        return self.answers


@pytest.fixture
def asked(monkeypatch):
    reading, writing = os.pipe()
    with os.fdopen(reading) as terminal, os.fdopen(writing, "wb", buffering=0) as keys:
        yield Asked(monkeypatch, terminal, keys)


def test_other_tasks_go_on_while_a_person_thinks(asked):
    asked.ask()
    assert within(10, lambda: "Take part" in asked.out.getvalue())
    tell = _Listeners(asked.console, asked.printing, Format.TEXT)(SimpleNamespace(id="b" * 32))
    told = threading.Thread(target=lambda: tell(Event("ended", {"code": "CFD-120", "reason": "of another"})))
    told.start()
    told.join(10)
    assert not told.is_alive()
    assert asked.answers == []
    asked.type("y\n")
    assert asked.joined() == [True]


def test_one_question_at_a_time(asked):
    asked.ask()
    asked.ask()
    assert within(10, lambda: "Take part" in asked.out.getvalue())
    assert asked.out.getvalue().count("Consent?") == 1
    asked.type("n\n")
    assert within(10, lambda: asked.out.getvalue().count("Take part") == 2)
    asked.type("perhaps\ny\n")
    assert asked.joined() == [False, True]


def test_who_leaves_has_declined_what_was_asked(asked):
    asked.ask()
    asked.ask()
    assert within(10, lambda: "Take part" in asked.out.getvalue())
    asked.stop.set()
    assert asked.joined() == ["the provider has left"] * 2


def test_answers_at_the_end_of_what_is_piped(asked):
    """The last one without its line feed; then nobody is there any more."""
    asked.type("y\nn")
    asked._keys.close()
    for _ in range(3):
        asked.ask()
        asked.joined()
    assert asked.answers == [True, False, "nobody is there to be asked"]


def test_keys_pressed_before_an_offer_is_shown_do_not_consent_to_it(monkeypatch):
    """A second "y" to the first question, say."""
    controller, device = pty.openpty()
    with os.fdopen(device) as terminal, os.fdopen(controller, "wb", buffering=0) as keys:
        asked = Asked(monkeypatch, terminal, keys)
        asked.ask()
        assert within(10, lambda: "Take part" in asked.out.getvalue())
        asked.type("y\ny\n")
        assert asked.joined() == [True]
        asked.ask()
        assert within(10, lambda: asked.out.getvalue().count("Take part") == 2)
        assert asked.answers == [True]
        asked.type("n\n")
        assert asked.joined() == [True, False]
