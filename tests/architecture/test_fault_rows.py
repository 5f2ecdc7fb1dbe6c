"""docs/reference/faults.md and docs/explanation/reliability.md name tests, threats and codes as they are."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "faults.md").read_text(encoding="utf-8")
TRIED = (ROOT / "docs" / "explanation" / "reliability.md").read_text(encoding="utf-8")
THREATS = (ROOT / "spec" / "threat-model.md").read_text(encoding="utf-8")
SPEC = (ROOT / "spec" / "protocol.md").read_text(encoding="utf-8")
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def rows():
    return [line for line in PAGE.splitlines() if line.startswith("| ")][1:]


def test_every_row_has_tests_and_every_test_exists():
    named = [re.findall(r"`(test_\w+)`", row) for row in rows()]
    assert all(named)
    assert {name for names in named for name in names} - TESTS == set()


def codes_in(text):
    """Those named, and those between two that are named with an ellipsis."""
    for first, last in re.findall(r"CFD-(\d{3}) … CFD-(\d{3})", text):
        text += "".join(f" CFD-{number}" for number in range(int(first), int(last)))
    return set(re.findall(r"CFD-\d{3}", text))


def test_every_code_of_the_specifications_table_has_a_row():
    table = SPEC.split("## When something is wrong", 1)[1].split("\n## ", 1)[0]
    lacking = codes_in(table) - codes_in("\n".join(rows()))
    assert len(codes_in(table)) > 30
    assert lacking == set()


def test_the_limits_named_are_limits():
    from confide.core import limits  # noqa: PLC0415

    assert [name for name in set(re.findall(r"`(MAX_\w+)`", PAGE)) if not hasattr(limits, name)] == []


def test_threats_are_cited_with_their_own_attack():
    pairs = re.findall(r"\[(T-\d\d)\]\(\.\./\.\./tests/attacks/(test_\w+)\.py\)", TRIED)
    assert len(pairs) >= 10
    assert [pair for pair in pairs if not re.search(rf"\| {pair[0]} \|.*{pair[1]}", THREATS)] == []
    assert re.findall(r"(?<!\[)T-\d\d", TRIED) == []
