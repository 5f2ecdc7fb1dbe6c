"""spec/audit.md says what the code does: fields of entry and head, and the closed list of operations."""

import dataclasses
import re
from pathlib import Path

from confide.audit.entry import Entry, HeadDocument, Operation
from confide.core import limits
from confide.core.platform_api import SignedHead

SPEC = (Path(__file__).resolve().parents[2] / "spec" / "audit.md").read_text(encoding="utf-8")


def rows_under(heading):
    section = re.split(r"^#+ ", SPEC.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^\| (`.+?`) \|", section, re.MULTILINE)


def test_an_entry_is_described_field_by_field():
    assert sorted(rows_under("Entry")) == sorted(f"`{name}`" for name in Entry.__struct_fields__)


def test_a_head_is_described_field_by_field():
    fields = [field.name for field in dataclasses.fields(SignedHead)]
    assert rows_under("SignedHead") == [f"`{name}`" for name in fields]
    assert list(HeadDocument.__struct_fields__) == fields


def test_every_operation_is_described():
    described = re.findall(r"`(\w+)`", " ".join(rows_under("Operations")))
    assert sorted(described) == sorted(map(str, Operation))


def test_the_limits_that_it_names_exist():
    assert [name for name in re.findall(r"`(MAX_[A-Z_]+)`", SPEC) if not hasattr(limits, name)] == []
