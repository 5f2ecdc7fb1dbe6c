"""The recorded Tasks, results and statistics hold for the product, and the generator still makes them."""

import json
import math
import runpy
from pathlib import Path

import numpy as np
import pytest

from confide.core import canonical
from confide.core.canonical import NotCanonical
from confide.core.digest import digest_of
from confide.core.errors import SignatureInvalid
from confide.crypto import signatures
from confide.data.statistics import figures
from confide.data.statistics.blurring import Blur, coarse, key_of
from confide.data.statistics.drift import stability_index
from confide.protocol import provenance
from confide.protocol.receipts import RESULT_CONTEXT
from confide.protocol.terms import Task

ROOT = Path(__file__).resolve().parents[2]


def load(name):
    return json.loads((ROOT / "vectors" / f"{name}.json").read_text())


TERMS, RESULTS, STATISTICS = map(load, ("terms", "results", "statistics"))


def name_of(row):
    return row["name"]


@pytest.mark.parametrize("row", TERMS["good"], ids=name_of)
def test_good_task(row):
    task = canonical.decode(row["task"].encode(), Task)
    assert canonical.encode(task) == row["task"].encode()
    assert digest_of(task) == row["sha384"]


@pytest.mark.parametrize("row", TERMS["bad"], ids=name_of)
def test_bad_task(row):
    with pytest.raises(NotCanonical):
        canonical.decode(row["task"].encode(), Task)


@pytest.mark.parametrize("row", RESULTS["results"], ids=name_of)
def test_result(row):
    if row["error"] == "form":
        with pytest.raises(NotCanonical):
            provenance.decode_envelope(row["envelope"].encode())
        return
    found = provenance.decode_envelope(row["envelope"].encode())
    assert provenance.signed_bytes(found.result()) == found.payload
    arguments = (bytes.fromhex(row["public_key"]), RESULT_CONTEXT, found.payload, found.signature)
    if row["error"] is None:
        signatures.verify(*arguments)
        return
    with pytest.raises(SignatureInvalid):
        signatures.verify(*arguments)


def blur(party, column):
    salts = [bytes.fromhex(salt) for salt in STATISTICS["salts"]]
    key = key_of(salts, STATISTICS["task"])
    assert key.hex() == STATISTICS["key"]
    return Blur(key, STATISTICS["minimum_rows"], party, column)


def test_draws_and_steps():
    for row in STATISTICS["draws"]:
        assert blur(row["party"], row["column"]).uniform(row["figure"]) == row["draw"]
    for row in STATISTICS["steps"]:
        assert float(coarse(row["width"])) == row["step"]


@pytest.mark.parametrize(
    ("kind", "column"), [("numbers", ("media", "time of day")), ("categories", ("shop", "city"))]
)
def test_figures(kind, column):
    recorded, blurred = STATISTICS[kind], blur(*column)
    labels = np.array(STATISTICS["labels"], np.float32)
    if kind == "numbers":
        values = np.array([math.nan if value is None else value for value in recorded["values"]])
        present = figures.ordered(values)
        assert figures.mean(present, blurred) == recorded["mean"]
        assert figures.quantiles(present, blurred) == recorded["quantiles"]
    else:
        values = np.array(recorded["values"], np.uint64)
        assert figures.cardinality(values, blurred) == recorded["cardinality"]
    assert figures.missing(values, blurred) == recorded["missing"]
    assert figures.label_correlation(values, labels, blurred) == recorded["label-correlation"]


def test_the_stability_index():
    for row in STATISTICS["stability"]:
        found = stability_index(tuple(row["expected"]), tuple(row["found"]), floors=tuple(row["floors"]))
        assert found == pytest.approx(row["index"], rel=1e-12)


def test_generator_still_makes_the_recorded_files(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    script = runpy.run_path(str(ROOT / "scripts" / "make_vectors_terms.py"))
    render = runpy.run_path(str(ROOT / "scripts" / "make_vectors_protocol.py"))["render"]
    for name, make in script["DOCUMENTS"].items():
        assert render(make()) == (ROOT / "vectors" / name).read_text(), name
