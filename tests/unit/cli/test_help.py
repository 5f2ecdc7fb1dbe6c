"""The first words of `confide`: they come at once, fit the terminal, and lead to every command."""

import json
import subprocess
import sys

import pytest
from typer.main import get_command, get_group
from typer.testing import CliRunner

from confide.cli import main
from confide.core.version import VERSION
from confide_sim import cli as sim

COLUMNS = 80
BORDERS, GAP = 4, 2
"""Of a panel's line: its two edges with their blanks, and what lies between a name and its help."""
SLOW = {"numpy", "pyarrow", "grpc", "google.protobuf", "sqlite3", "lightgbm", "scipy", "asyncio"}
"""Loaded by the commands that work with them, when they run."""
LOADED = "print('\\n' + json.dumps(sorted(sys.modules)))"
RUN = f"""
import contextlib, json, sys
from {{module}} import app
for words in {{calls}}:
    with contextlib.suppress(SystemExit):
        app(words)
{LOADED}
"""


def run(app, *words, **environment):
    return CliRunner(env={"COLUMNS": str(COLUMNS), **environment}).invoke(app, words)


def loaded_by(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def below(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from below(command, (*path, name))


GROUPS = {
    (app.info.name, *path): command
    for app in (main.app, sim.app)
    for path, command in [((), get_command(app)), *below(get_command(app))]
    if hasattr(command, "commands")
}


@pytest.mark.parametrize("module", ["confide.cli.main", "confide_sim.cli"])
def test_help_version_and_a_wrong_word_load_nothing_that_takes_long(module):
    calls = [["--help"], ["--version"], ["tusk"], ["--nothing"]]
    found = loaded_by(RUN.format(module=module, calls=calls))
    assert found & (SLOW | {"cryptography", "msgspec", "confide.cli.task"}) == set()


def test_help_of_a_command_and_a_wrong_option_load_none_of_what_it_works_with():
    pages = [list(path) for path, _ in below(get_command(main.app))]
    calls = [[*path, word] for path in pages for word in ("--help", "--nothing")]
    assert loaded_by(RUN.format(module="confide.cli.main", calls=calls)) & SLOW == set()


def test_keys_receipts_and_logs_are_looked_at_without_what_trains_and_sends():
    modules = (
        "app.ca",
        "app.identity",
        "app.receipts",
        "app.audit",
        "cli.receipt",
        "cli.audit",
        "cli.attest",
    )
    code = "\n".join(f"import confide.{name}" for name in modules)
    assert loaded_by(f"import json, sys\n{code}\n{LOADED}") & SLOW == set()


def test_a_host_and_a_look_at_tasks_need_no_numbers():
    code = "import confide.app.platform, confide.cli.platform, confide.app.party, confide.app.explain"
    assert loaded_by(f"import json, sys\n{code}\n{LOADED}") & {"numpy", "pyarrow", "lightgbm"} == set()


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_every_line_of_a_list_fits(path):
    shown = {name: c.help.split("\n\n")[0] for name, c in GROUPS[path].commands.items() if not c.hidden}
    space = COLUMNS - BORDERS - GAP - max(map(len, shown))
    assert {name: text for name, text in shown.items() if not 0 < len(text) <= space} == {}


def test_a_list_shows_commands_by_use_and_flags_without_a_type():
    page = run(main.app, "-h").stdout
    names = ("identity", "data", "task", "provider", "model", "receipt", "audit", "parity", "platform", "ca")
    places = [page.index(f"│ {name} ") for name in names]
    assert places == sorted(places)
    assert "bool" not in page + run(main.app, "task", "explain", "--help").stdout
    assert run(main.app, "--help").stdout == page


def test_a_group_that_loads_at_need_has_no_options_of_its_own():
    groups = [name for name in get_command(main.app).commands if ("confide", name) in GROUPS]
    assert len(groups) > 5
    for name in groups:
        module = __import__(f"confide.cli.{name}", fromlist=["app"])
        assert get_group(module.app).params == []


@pytest.mark.parametrize(("app", "name"), [(main.app, "confide"), (sim.app, "confide-sim")])
@pytest.mark.parametrize("word", ["--version", "-V"])
def test_the_version(app, name, word):
    done = CliRunner().invoke(app, [word], prog_name=name)
    assert (done.stdout, done.exit_code) == (f"{name} {VERSION}\n", 0)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("confide ta", ["task"]),
        ("confide task r", ["resume"]),
        ("confide model verify --r", ["--receipt", "--root"]),
    ],
)
def test_a_shell_completes_groups_commands_and_options(typed, offered):
    environment = {
        "_CONFIDE_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = CliRunner(env=environment).invoke(main.app, [], prog_name="confide")
    assert done.stdout.split() == offered
