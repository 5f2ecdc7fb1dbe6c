"""The import contracts of .importlinter hold: they are the promises of docs/ARCHITECTURE.md."""

import configparser
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = (
    "import sys; from importlinter.cli import lint_imports as run; sys.exit(run(no_logo=True, no_cache=True))"
)


def test_import_contracts_are_kept():
    done = subprocess.run([sys.executable, "-c", RUN], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_promise_has_been_dropped():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    names = {section.removeprefix("importlinter:contract:") for section in contracts.sections()}
    assert {"layers", "acyclic", "sans-io", "blind-platform", "tcb", "simulator", "wire"} <= names
    assert {"enclave-rooms", "speaks-unread", "computes-unheard"} <= names
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert [name for name in names - {"importlinter"} if f"`{name}`" not in text] == []
