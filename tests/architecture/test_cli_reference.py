"""docs/reference/cli.md is generated from the Typer applications; every option says what it is for."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = runpy.run_path(str(ROOT / "scripts" / "make_cli_reference.py"))
PAGE = ROOT / "docs" / "reference" / "cli.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == GENERATOR["render"](), "run scripts/make_cli_reference.py"


def test_every_command_is_there():
    page = PAGE.read_text(encoding="utf-8")
    for command in ("ca init", "task train", "provider serve", "attest verify", "receipt verify", "version"):
        assert f"## confide {command}\n" in page


def test_every_option_says_what_it_is_for():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert lines
    assert [line for line in lines if line.endswith("|  |")] == []
