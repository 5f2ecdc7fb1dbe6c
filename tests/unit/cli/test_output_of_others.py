"""What others have written is shown as it is: it can't hide, move or colour anything."""

import io

import pytest
from rich.console import Console

from confide.app.events import Event
from confide.cli import main
from confide.cli.follow import Follower
from confide.cli.output import plain
from confide.core.errors import ConfigurationError


def rendered(text):
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    console.print(text, highlight=False)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "text",
    ["[bold red]no[/]", "[/]", "[attestation] roots", "a\\[b]", "plain", "Werbung für Körbe", "点击"],
)
def test_markup_is_text(text):
    assert rendered(plain(text)) == text + "\n"


@pytest.mark.parametrize("sign", ["\x1b", "\r", "\n", "\b", "\x9b", "\u202e", "\u2066", "\u2028", "\0"])
def test_nothing_moves_the_cursor_or_turns_the_text(sign):
    assert rendered(plain(f"a{sign}[2Kb")) == "a\N{REPLACEMENT CHARACTER}[2Kb\n"


def test_a_follower_shows_names_and_reasons_of_others_as_text():
    console = Console(file=io.StringIO(), force_terminal=True, width=200, color_system=None)
    follow = Follower(console)
    follow(Event("invited", {"initiator": "shop", "name": "[red]x\x1b[2J", "task": "1"}))
    follow(Event("ended", {"code": "CFD-111", "reason": "[conceal]no", "blame": "media"}))
    text = console.file.getvalue()
    assert "'[red]x\N{REPLACEMENT CHARACTER}[2J'" in text
    assert "[conceal]no" in text


def test_the_words_of_an_error_are_complete(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["confide"])
    main._tell(ConfigurationError("[data] of confide.toml names no dataset"))
    assert "[data] of confide.toml" in capsys.readouterr().err
