"""The how-to's algorithm keeps the contract: its code is taken from the page as it stands."""

import re
import sys
import types
from pathlib import Path

import pytest
from fakes.algorithm_contract import CONTRACT

from confide import algorithms
from confide.algorithms import registry

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/add-an-algorithm.md"


@pytest.fixture
def bayes(monkeypatch, tmp_path):
    """One file beside the others, and one line: both in a copy, so that the source tree stays as it is."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    package = Path(algorithms.__file__).parent
    for source in package.rglob("*"):
        target = tmp_path / source.relative_to(package)
        if source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.symlink_to(source)
    (tmp_path / "bayes.py").write_text(code, encoding="utf-8")
    module = types.ModuleType("confide.algorithms.bayes")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, str(PAGE), "exec"), module.__dict__)  # noqa: S102 - our own page
    monkeypatch.setitem(registry.ALGORITHMS, "bayes", module.Bayes)
    monkeypatch.setattr(registry, "__file__", str(tmp_path / "registry.py"))
    registry.code_digest.cache_clear()
    yield "bayes"
    registry.code_digest.cache_clear()


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_contract(bayes, check):
    check(bayes)


def test_it_is_listed_with_its_digest(bayes):
    line = next(line for line in registry.listing() if line.name == bayes)
    assert len(line.code_sha384) == 96
    assert not line.starts_from_model
