"""Write vectors/ids.json: ids by rules, and ids of several parts; with --check, fail if it would change.

The normal forms come from Python's unicodedata, not from the product.
"""

import json
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

PATH = Path(__file__).resolve().parent.parent / "vectors" / "ids.json"
ROWS = (
    ("text/1", " Anna@Example.com\t"),
    ("text/1", "ＡＮＮＡ"),
    ("text/1", "\u00a0É\u3000"),
    ("text/1", "E\u0301"),
    ("text/1", "straße"),
    ("text/1", "007"),
    ("exact/1", " Anna "),
)
PARTS = (
    (("text/1", "exact/1"), (" Smith", "1970-01-02")),
    (("exact/1", "exact/1"), ("ab", "c")),
    (("exact/1", "exact/1"), ("a", "bc")),
    (("exact/1", "exact/1"), ("1:a", "b")),
    (("exact/1", "exact/1"), ("1", "1:a1:b")),
    (("text/1", "text/1", "exact/1"), ("Müller", "ÖL", "日本")),
)


def written(rule: str, text: str) -> str:
    """Simple lower case: the characters here have no other."""
    if rule == "exact/1":
        return text
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower()).strip()


def composed(rules: tuple[str, ...], parts: tuple[str, ...]) -> str:
    texts = [written(rule, part) for rule, part in zip(rules, parts, strict=True)]
    return "".join(f"{len(text.encode())}:{text}" for text in texts)


def composite_rows() -> Iterator[dict[str, object]]:
    for rules, parts in PARTS:
        yield {"rules": rules, "parts": parts, "id": composed(rules, parts)}


def main() -> int:
    document = {
        "about": "Ids as the rules of a Task write them, and ids of several parts.",
        "format": "confide-vectors/ids/1",
        "rules": [{"rule": rule, "text": text, "id": written(rule, text)} for rule, text in ROWS],
        "composite": list(composite_rows()),
    }
    content = json.dumps(document, indent=1, sort_keys=True) + "\n"
    if sys.argv[1:] == ["--check"]:
        return 0 if PATH.exists() and PATH.read_text() == content else 1
    PATH.write_text(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
