"""Small files, short functions, no catch-all handlers, no bag called utils."""

import ast
from pathlib import Path
from statistics import median

SRC = Path(__file__).resolve().parents[2] / "src"
FILES = sorted(
    path
    for name in ("confide", "confide_sim")
    for path in (SRC / name).rglob("*.py")
    if "gen" not in path.parts
)
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

ENTRY_POINTS = {
    "confide/cli/main.py",
    "confide/app/enclave.py",
    "confide/transport/errors.py",
    "confide/transport/serving.py",
    "confide/transport/incoming.py",
    "confide/mpc/worker.py",
    "confide_sim/cli.py",
}
"""Where a process, a call or a thread begins: what nobody expected is logged there, and told as such."""


def lines_of(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def functions():
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(SRC)}:{node.name}", node.end_lineno - node.lineno + 1


def test_files_are_small():
    assert median(map(lines_of, FILES)) <= 150
    assert [str(path) for path in FILES if lines_of(path) > 500] == []


def test_functions_are_short():
    lengths = dict(functions())
    assert median(lengths.values()) <= 12
    assert sum(length > 50 for length in lengths.values()) <= 0.05 * len(lengths)


def catches_everything(handler):
    names = [] if handler.type is None else [ast.unparse(handler.type)]
    return not names or names[0] in {"Exception", "BaseException"}


def passes_on(handler):
    """Cleans up, and raises the same again."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_nothing_catches_everything_but_entry_points():
    found = [
        f"{path.relative_to(SRC)}:{node.lineno}"
        for path, tree in TREES.items()
        if path.relative_to(SRC).as_posix() not in ENTRY_POINTS
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and catches_everything(node) and not passes_on(node)
    ]
    assert found == []


def test_there_is_no_utils():
    bags = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [str(path) for path in FILES if bags & {path.stem, *path.parts[-3:-1]}] == []


def test_product_code_validates_without_assert():
    found = [
        f"{path.relative_to(SRC)}:{node.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    assert found == []
