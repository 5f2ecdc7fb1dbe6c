"""docs/reference/configuration.md names every field of every configuration file, with its default."""

import re
from pathlib import Path

import msgspec
import pytest

from confide.app.consent import Policy, Rule
from confide.app.evaluation_file import (
    EvaluationEntry,
    FoldsEntry,
    GroupsEntry,
    RangeEntry,
    StatisticsEntry,
    TuningEntry,
)
from confide.app.party_config import (
    AttestationEntry,
    DataEntry,
    DirectEntry,
    MpcEntry,
    PartyConfig,
    PlatformEntry,
)
from confide.app.platform import LauncherConfig, PlatformConfig
from confide.app.task_file import AlgorithmEntry, LabelEntry, PredictFile, TrainFile
from confide.core.features import Feature
from confide.data.schema import DateColumn, LabelColumn, ReaderOptions, Schema
from confide.protocol.evaluation import Gate
from confide.protocol.terms import Encoding, IdColumn, Intersection

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")

FILES = {
    "confide.toml": (PartyConfig, PlatformEntry, AttestationEntry, DataEntry, MpcEntry, DirectEntry),
    "platform.toml": (PlatformConfig, LauncherConfig),
    "TASK.toml, train": (
        TrainFile,
        IdColumn,
        LabelEntry,
        Feature,
        AlgorithmEntry,
        Encoding,
        EvaluationEntry,
        FoldsEntry,
        GroupsEntry,
        TuningEntry,
        RangeEntry,
        Gate,
        StatisticsEntry,
        Intersection,
    ),
    "TASK.toml, predict": (PredictFile,),
    "Consent policy": (Policy, Rule),
    "Schema": (Schema, LabelColumn, DateColumn, ReaderOptions),
}


def section(title):
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def tables_of(text):
    """Field → its default, from the rows of all tables."""
    return dict(re.findall(r"^\| `(\w+)` \| .+? \| (.+?) \|", text.replace("\\|", "/"), re.MULTILINE))


@pytest.mark.parametrize("title", FILES)
def test_every_field_is_described(title):
    text = section(title)
    found = {name for struct in FILES[title] for name in struct.__struct_fields__}
    assert {name for name in found if f"`{name}`" not in text and f"[{name}" not in text} == set()


@pytest.mark.parametrize("title", FILES)
def test_nothing_is_described_that_does_not_exist(title):
    found = {name for struct in FILES[title] for name in struct.__struct_fields__}
    assert set(tables_of(section(title))) - found == set()


@pytest.mark.parametrize("title", FILES)
def test_simple_defaults_are_those_of_the_code(title):
    described = tables_of(section(title))
    for struct in FILES[title]:
        for field in msgspec.structs.fields(struct):
            if isinstance(field.default, bool | int | float) and field.name in described:
                shown = described[field.name].strip("`")
                assert shown == str(field.default).lower(), (struct.__name__, field.name)
            elif field.required and field.name in described and field.name != "name":
                assert described[field.name] in ("required", "none"), (struct.__name__, field.name)
