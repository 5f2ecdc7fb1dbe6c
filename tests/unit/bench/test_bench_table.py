"""The collection of bench/: every registered bench can be called, and bench.json has its shape."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "bench"
MODULES = {
    "quick": 'from rows import Row\ndef rows(scale):\n    yield Row(f"quick, {scale}", 6.0, 2.0, "rows/s")\n'
    '    yield Row("alone", 1.5, None, "s")\n',
    "absent": 'from rows import Skipped\ndef rows(scale):\n    raise Skipped("no peer")\n    yield\n',
    "broken": "def rows(scale):\n    raise RuntimeError\n    yield\n",
}


def registered():
    tree = ast.parse((BENCH / "run.py").read_text())
    found = next(
        node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "BENCHES"
    )
    return ast.literal_eval(found)


@pytest.mark.parametrize("name", registered())
def test_a_registered_bench_has_rows_of_a_scale(name):
    tree = ast.parse((BENCH / f"{name}.py").read_text())
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [argument.arg for argument in found["rows"].args.args] == ["scale"]


@pytest.fixture
def run(tmp_path):
    """run.py with benches of this test beside it."""
    for file in ("run.py", "rows.py"):
        shutil.copy(BENCH / file, tmp_path)
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    out = tmp_path / "out" / "bench.json"

    def run(*names):
        command = [sys.executable, tmp_path / "run.py", "--only", *names, "--out", out]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return done, json.loads(out.read_text())

    return run


def test_a_row_has_five_facts_and_a_skipped_one_its_reason(run):
    done, entries = run("quick", "absent")
    nothing = {"ours": None, "theirs": None, "ratio": None, "unit": ""}
    assert done.returncode == 0, done.stderr
    assert entries == [
        {"name": "quick, small", "ours": 6.0, "theirs": 2.0, "ratio": 3.0, "unit": "rows/s"},
        {"name": "alone", "ours": 1.5, "theirs": None, "ratio": None, "unit": "s"},
        {"name": "absent", **nothing, "skipped": "no peer"},
    ]
    assert "no peer" in done.stdout


def test_a_bench_that_fails_is_told_and_the_others_go_on(run):
    done, entries = run("broken", "quick")
    assert done.returncode == 1
    assert "exit code 1" in entries[0]["skipped"]
    assert entries[1]["ratio"] == 3.0
