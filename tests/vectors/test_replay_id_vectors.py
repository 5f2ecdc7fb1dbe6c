"""The recorded ids are what the product writes."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from confide.data.alignment.normal_ids import by_rule
from confide.data.prepare.composite import composed

IDS = json.loads((Path(__file__).resolve().parents[2] / "vectors" / "ids.json").read_text())


def written(rule, text):
    return by_rule(pa.chunked_array([[text]]), rule)


@pytest.mark.parametrize("row", IDS["rules"], ids=lambda row: row["text"])
def test_rules(row):
    assert written(row["rule"], row["text"]).to_pylist() == [row["id"]]


@pytest.mark.parametrize("row", IDS["composite"], ids=lambda row: row["id"])
def test_ids_of_several_parts(row):
    parts = [written(*pair).combine_chunks() for pair in zip(row["rules"], row["parts"], strict=True)]
    assert composed(parts).to_pylist() == [row["id"]]
