"""docs/reference/errors.md is generated from core/errors; codes are unique and everything is said."""

import re
import runpy
from collections import Counter
from pathlib import Path

import pytest
import typer

from confide.cli.main import app
from confide.core.errors import ConfideError

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = runpy.run_path(str(ROOT / "scripts" / "make_error_pages.py"))
PAGE = ROOT / "docs" / "reference" / "errors.md"
CONCRETE = list(GENERATOR["concrete"]())


def leaves(error):
    children = error.__subclasses__()
    return [error] if not children else [leaf for child in children for leaf in leaves(child)]


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == GENERATOR["render"](), "run scripts/make_error_pages.py"


def test_codes_are_unique_and_well_formed():
    codes = Counter(error.code for error in CONCRETE)
    assert [code for code, count in codes.items() if count > 1] == []
    assert all(re.fullmatch(r"CFD-[1-9]\d{2}", code) for code in codes)


def test_every_error_that_can_be_raised_has_a_code_of_its_own():
    ours = [error for error in leaves(ConfideError) if error.__module__.startswith("confide.")]
    assert [error.__name__ for error in ours if error not in CONCRETE] == []


def test_every_error_says_what_happened_and_what_to_do():
    for error in CONCRETE:
        assert error.__doc__ is not None
        assert not error.__doc__.startswith("Abstract")
        assert error.remedy.endswith((".", ")"))


def test_errors_of_one_hundred_share_a_family_of_exit_codes():
    assert all(error.exit_code // 10 == int(error.code[4]) for error in CONCRETE)


def test_every_code_has_an_anchor():
    page = PAGE.read_text(encoding="utf-8")
    assert all(f'<a id="{error.code.lower()}"></a>' in page for error in CONCRETE)


def commands(group, prefix=()):
    yield prefix
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*prefix, name))


@pytest.mark.parametrize("error", CONCRETE, ids=lambda error: error.code)
def test_remedies_name_commands_that_exist(error):
    known = set(commands(typer.main.get_command(app)))
    named = [tuple(re.findall(r"[a-z-]+", text)) for text in re.findall(r"`confide ([a-z -]+)", error.remedy)]
    assert [words for words in named if words not in known] == []
