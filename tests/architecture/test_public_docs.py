"""What others read is explained: every module, and the public names of the lower packages."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src"
EXPLAINED = ("core", "crypto", "protocol", "attestation", "data", "algorithms")


def modules(folder):
    return [path for path in sorted(folder.rglob("*.py")) if "gen" not in path.parts]


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("package", ["confide", "confide_sim"])
def test_every_public_module_has_a_docstring(package):
    public = [
        path for path in modules(SRC / package) if not path.stem.startswith("_") or path.stem == "__init__"
    ]
    assert [str(path.relative_to(SRC)) for path in public if not ast.get_docstring(tree_of(path))] == []


@pytest.mark.parametrize("package", EXPLAINED)
def test_public_functions_and_classes_have_docstrings(package):
    missing = [
        f"{path.relative_to(SRC)}:{node.name}"
        for path in modules(SRC / "confide" / package)
        for node in tree_of(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        if not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert missing == []
