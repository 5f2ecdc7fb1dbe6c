import ctypes
import json
import os

import pytest
import typer
from typer.testing import CliRunner

from confide.app.identity import load_identity
from confide.app.system import SystemClock
from confide.cli import ca, identity, passphrase
from confide.core.errors import CertificateInvalid, KeyStoreError
from confide.crypto.wiping import wiped

PASSPHRASE = "Überraschung"


@pytest.fixture
def confide(monkeypatch):
    root = typer.Typer()
    root.add_typer(ca.app, name="ca")
    root.add_typer(identity.app, name="identity")

    def run(*words):
        monkeypatch.setenv("CONFIDE_PASSPHRASE", PASSPHRASE)  # each command takes it away
        result = CliRunner().invoke(root, [str(word) for word in words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_from_nothing_to_an_identity(confide, tmp_path):
    confide("ca", "init", "--dir", tmp_path / "ca", "--name", "test-ca", "--key", "p-384")
    confide("identity", "request", "--name", "a", "--key", "p-384", "--dir", tmp_path / "a")
    request, certificate = tmp_path / "a" / "request.pem", tmp_path / "a.pem"
    text = confide("ca", "issue", request, "--dir", tmp_path / "ca", "--out", certificate)
    assert "party a" in text
    confide("identity", "install", certificate, "--ca", tmp_path / "ca" / "ca.pem", "--dir", tmp_path / "a")
    loaded = load_identity(tmp_path / "a", PASSPHRASE.encode(), SystemClock().now())
    assert loaded.identity.name == "a"


def test_json_of_a_platform(confide, tmp_path):
    wanted = ("--format", "json")
    made = json.loads(confide("ca", "init", "--dir", tmp_path / "ca", "--key", "p-384", *wanted))
    assert (made["ok"], made["result"]["name"]) == (True, "confide-ca")
    hosts = ("--host", "localhost", "--host", "127.0.0.1")
    options = ("--name", "c", "--role", "platform", "--key", "p-384", "--dir", tmp_path / "c", *hosts)
    asked = json.loads(confide("identity", "request", *options, *wanted))["result"]
    out = tmp_path / "c.pem"
    issued = json.loads(
        confide("ca", "issue", asked["request"], "--dir", tmp_path / "ca", "--out", out, *wanted)
    )
    installed = json.loads(
        confide(
            "identity", "install", out, "--ca", tmp_path / "ca" / "ca.pem", "--dir", tmp_path / "c", *wanted
        )
    )
    assert issued["result"]["role"] == installed["result"]["role"] == "platform"
    assert issued["result"]["fingerprint"] == installed["result"]["fingerprint"]


def test_errors_reach_the_entry_point(confide, tmp_path):
    """Its work is to turn them into exit codes."""
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(CertificateInvalid):
        confide("identity", "install", tmp_path / "bad.pem", "--ca", tmp_path / "bad.pem", "--dir", tmp_path)


def test_passphrase_is_normalised(monkeypatch):
    monkeypatch.setenv("CONFIDE_PASSPHRASE", "U\u0308berraschung")
    assert passphrase.ask_passphrase("a key", confirm=False) == PASSPHRASE.encode()


def test_passphrase_is_taken_out_of_the_environment(monkeypatch):
    monkeypatch.setenv("CONFIDE_PASSPHRASE", "taken once")
    with wiped(passphrase.ask_passphrase("a key", confirm=False)) as taken:
        assert taken == b"taken once"
    assert taken == bytes(10)
    assert "CONFIDE_PASSPHRASE" not in os.environ
    block = ctypes.CDLL(None).getenv
    block.restype = ctypes.c_char_p
    assert block(b"CONFIDE_PASSPHRASE") is None


def test_a_passphrase_that_is_no_text(monkeypatch):
    monkeypatch.setitem(os.environb, b"CONFIDE_PASSPHRASE", b"\xff")
    with pytest.raises(KeyStoreError, match="UTF-8"):
        passphrase.ask_passphrase("a key", confirm=False)


def test_no_passphrase_and_nobody_to_ask(monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    monkeypatch.delenv("CONFIDE_PASSPHRASE", raising=False)
    with pytest.raises(KeyStoreError, match="CONFIDE_PASSPHRASE"):
        passphrase.ask_passphrase("a key", confirm=True)
    monkeypatch.setenv("CONFIDE_PASSPHRASE", "")
    with pytest.raises(KeyStoreError, match="empty"):
        passphrase.ask_passphrase("a key", confirm=True)


def test_passphrase_is_asked_twice_when_a_key_is_made(monkeypatch):
    monkeypatch.delenv("CONFIDE_PASSPHRASE", raising=False)
    asked = typer.Typer()

    @asked.command()
    def ask():
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        typer.echo(len(passphrase.ask_passphrase("a key", confirm=True)))

    result = CliRunner().invoke(asked, input="one\ntwo\nsame\nsame\n")
    assert result.stdout.strip().endswith("4")
    assert "same" not in result.output
