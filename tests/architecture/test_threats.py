"""spec/threat-model.md and tests/attacks name each other completely."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "spec" / "threat-model.md"
ATTACKS = ROOT / "tests" / "attacks"

DEFENDED = re.compile(r"^\| (T-\d{2}) \|.*\| \[(test_\w+)\]\(\.\./tests/attacks/(test_\w+)\.py\) \|$")
UNDEFENDED = re.compile(r"^\| (N-\d{2}) \| .+ \| .+ \|$")


def lines_with(prefix):
    return [
        line for line in MODEL.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {prefix}-")
    ]


def defended():
    found = [DEFENDED.match(line) for line in lines_with("T")]
    assert all(found), "a defended line does not end with one attack test"
    return [match.groups() for match in found]


def test_every_defended_line_names_an_existing_attack_test():
    lines = defended()
    assert len(lines) >= 16
    assert all(text == file for _, text, file in lines)
    assert [file for _, _, file in lines if not (ATTACKS / f"{file}.py").is_file()] == []


def test_every_attack_test_is_named_by_a_line():
    named = {file for _, _, file in defended()}
    assert {path.stem for path in ATTACKS.glob("test_*.py")} - named == set()


def test_ids_are_unique_and_in_order():
    for prefix, pattern in (("T", DEFENDED), ("N", UNDEFENDED)):
        ids = [pattern.match(line).group(1) for line in lines_with(prefix)]
        assert ids == sorted(set(ids))
