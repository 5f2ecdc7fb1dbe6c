"""The real data sets of quality.py, each cut between two owners as two companies would hold it.

None of them is here: the options of quality.py name files that you bring. A (the initiator) has the label.
"""

import csv
import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

import open_bandit

from confide.algorithms.base import Batch
from confide.core.features import Feature, Kind, Transform
from confide.data.category_hash import hash_texts
from confide.data.encoding import FeatureEncoder
from confide.data.split import holdout
from confide.data.vocabulary import Vocabulary

A, B = "a", "b"
WAYS = {"joint": (A, B), "initiator": (A,), "providers": (B,)}
"""Whose columns a model sees, by the names of evaluation.lift_report."""
HOLDOUT, SEED, VALIDATION = 0.3, 1, 0.25
"""Where a data set has no splits of its own: the share of test rows, chosen as a task does (data.split), and
of the others the share that parameters are chosen by."""


@dataclass(frozen=True, eq=False)
class Data:
    """Rows as texts, by (owner, column), and which of them are for what."""

    name: str
    fields: tuple[tuple[str, Feature], ...]
    texts: dict[tuple[str, str], np.ndarray]
    labels: np.ndarray
    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    refit: bool
    """Whether the chosen parameters learn from the validation rows too, before test is scored."""
    minimum_counts: tuple[int, ...] = (1,)
    """Of the vocabulary: what there is to choose from."""

    @property
    def known(self):
        """Row numbers of training and validation, as a task that holds out `test` would learn them."""
        return np.sort(np.concatenate((self.training, self.validation)))

    def encoded(self, way, learned, scored, minimum_count):
        """(rows to learn, rows to score, features): what is learned of categories comes from the former."""
        fields = [field for field in self.fields if field[0] in WAYS[way]]
        order = np.concatenate((learned, scored))
        columns = {(owner, one.name): self._column(owner, one)[order] for owner, one in fields}
        vocabulary = Vocabulary(minimum_count=minimum_count)
        _, found = FeatureEncoder.fit_encode(fields, columns, len(learned), vocabulary)
        rows = Batch(found.indices, found.values, self.labels[order])
        return rows.rows(slice(len(learned))), rows.rows(slice(len(learned), None)), found.features

    def _column(self, owner, feature):
        texts = self.texts[owner, feature.name]
        if feature.kind is Kind.NUMERIC:
            return texts.astype(np.float64)
        codes = hash_texts(pa.array(texts.tolist(), pa.string())).copy()
        codes[texts == ""] = 0  # missing
        return codes


def open_bandit_data(wheel):
    """The log in the wheel obp 0.4.1: what is known of the user, and what of the item that was shown."""
    rows = open_bandit.read_log(wheel)
    user = ("position", *(f"user_feature_{number}" for number in range(4)), "affinities", "favourite")
    owners = {A: user, B: ("campaign", "item", "item_feature_0")}
    return _cut("Open Bandit", rows, "click", owners, numeric=("item_feature_0",), minimum_counts=(1, 10))


def talking_data(file):
    """train_sample.csv: where the click came from, and which app was advertised, by which channel and when.

    `attributed_time` is left out: only an attributed click has one.
    """
    with file.open(newline="") as source:
        rows = list(csv.DictReader(source))
    for row in rows:
        row["hour"] = row["click_time"].split()[1].split(":")[0]
    owners = {A: ("app", "channel", "hour"), B: ("ip", "device", "os")}
    return _cut("TalkingData", rows, "is_attributed", owners, minimum_counts=(1, 10))


def frappe_data(train, validation, test):
    """Files as frappe.py reads them: the user and the moment, and the app."""
    rows, ends = [], [0]
    for file in (train, validation, test):
        with file.open(newline="") as source:
            rows += csv.DictReader(source)
        ends.append(len(rows))
    moment = ("daytime", "weekday", "isweekend", "homework", "weather", "country", "city")
    owners = {A: ("user", *moment), B: ("item", "cost")}
    parts = [np.arange(*pair) for pair in itertools.pairwise(ends)]
    return Data("Frappe", *_columns(rows, "label", owners, ()), *parts, refit=False)


def _cut(name, rows, label, owners, *, numeric=(), minimum_counts):
    """Without splits of its own."""
    known, test = holdout(len(rows), HOLDOUT, SEED)
    training, validation = holdout(len(known), VALIDATION, SEED)
    columns = _columns(rows, label, owners, numeric)
    return Data(name, *columns, known[training], known[validation], test, True, minimum_counts)


def _columns(rows, label, owners, numeric):
    """(fields, texts, labels)."""
    fields = tuple((owner, _feature(name, numeric)) for owner, names in owners.items() for name in names)
    texts = {(owner, one.name): np.array([row[one.name] for row in rows]) for owner, one in fields}
    return fields, texts, np.array([float(row[label]) for row in rows], np.float32)


def _feature(name, numeric):
    if name in numeric:
        return Feature(name=name, kind=Kind.NUMERIC, transform=Transform.STANDARD)
    return Feature(name=name, kind=Kind.CATEGORICAL)
