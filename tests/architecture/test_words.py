"""Retired words stay out (spec/rejected-words.txt), and the glossary knows the words that it should."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "spec" / "rejected-words.txt"
SUFFIXES = {".py", ".md", ".proto", ".sql", ".toml", ".txt"}


def rejected():
    lines = LIST.read_text(encoding="utf-8").splitlines()
    entries = [line.split(" => ") for line in lines if line and not line.startswith("#")]
    return dict(entries)


def documents():
    found = [ROOT / "README.md"]
    for folder in ("src", "spec", "docs"):
        found += (path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)
    return [path for path in found if path != LIST and "egg-info" not in str(path) and path.is_file()]


def test_rejected_words_are_not_used():
    entries = rejected()
    either = "|".join(f"(?:{pattern})" for pattern in entries)
    anything = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]!r}"
        for path in documents()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for match in anything.finditer(line)
    ]
    assert found == []


def test_the_list_is_well_formed():
    entries = rejected()
    assert entries
    assert all(re.compile(pattern) and instead.strip() for pattern, instead in entries.items())


def test_the_glossary_has_each_word_once():
    text = (ROOT / "spec" / "glossary.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (\*\*.+?) \|", text, re.MULTILINE)
    words = [word for cell in cells for word in re.findall(r"\*\*(.+?)\*\*", cell)]
    assert len(words) == len(set(words))
    assert {"host", "enclave", "party", "commitment", "evidence", "quarantine", "receipt"} <= set(words)
