"""requirements-hashed.txt holds the pins of constraints.txt, each with the hashes of its files."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENTRY = re.compile(r"^(\S+==\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)


def normal(pin):
    name, version = pin.split("==")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"


def test_every_pin_is_there_with_its_hashes():
    text = (ROOT / "requirements-hashed.txt").read_text(encoding="utf-8")
    pins = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split() if "==" in line]
    hashed = [normal(match[1]) for match in ENTRY.finditer(text)]
    assert sorted(hashed) == sorted(map(normal, pins)), "run scripts/hash_constraints.py"
    assert ENTRY.sub("", re.sub(r"^#.*$", "", text, flags=re.MULTILINE)).strip() == ""
