"""Rows that tell on whoever loses, repeats or mixes rows: categories that one row alone has.

Every data block of either party has one in a row that both have, so that the model must know it; others stand
in rows that only one party has, that come twice, or that belong to the other round, so that it may not.
"""

import base64
import functools
from dataclasses import dataclass
from unittest import mock

import numpy as np
import pyarrow as pa
from fakes.shop import BLOCK_ROWS, dataset_of

from confide.algorithms import model_file
from confide.core import limits
from confide.core.features import Kind
from confide.core.platform_api import TaskKind
from confide.data.category_hash import hash_texts
from confide.data.schema import IdColumn, IdType, LabelColumn, Schema

ROWS, LATER = 96, 64
FIRST_OF_MEDIA = 10
"""The ids of shop are 0 to 95, those of media 10 to 105."""
JOINED = ROWS - FIRST_OF_MEDIA
FEATURES = {"shop": "city", "media": "page"}
MARKED = {
    "shop": {15: "shop-0", 40: "shop-1", 70: "shop-2"},
    "media": {20: "media-0", 50: "media-1", 80: "media-2"},
}
"""By party and id; in each of its blocks one, in rows that both have."""
ALONE = {"shop": {3: "shop-alone"}, "media": {100: "media-alone"}}
TWICE = {"media": (10, "media-twice")}
"""The first row of an id counts; this one comes later."""
OTHER_ROUND = {"shop": {1005: "shop-later"}, "media": {1040: "media-later"}}


def _cells(party, ids, plain):
    marks = MARKED[party] | ALONE[party] | OTHER_ROUND[party]
    return [(row, marks.get(row, f"{plain}{row % 5}")) for row in ids]


def _prepared(party, cells, *, labelled, extra=""):
    feature = FEATURES[party]
    schema = Schema(
        id=IdColumn("id", IdType.INTEGER),
        label=LabelColumn("click") if labelled else None,
        columns={feature: Kind.CATEGORICAL},
    )
    lines = [f"{row},{int(row * 7 % 3 == 0)},{value}" for row, value in cells]
    with mock.patch.object(limits, "BLOCK_ROWS", BLOCK_ROWS):
        return dataset_of(f"id,click,{feature}\n" + "\n".join(lines) + f"\n{extra}", schema)


@functools.cache
def data(party, kind):
    """A prepared dataset in memory; that of media has a row that can't be read and one that comes twice."""
    if kind is TaskKind.PREDICT:
        order = range(1000, 1000 + LATER) if party == "shop" else range(999 + LATER, 999, -1)
        return _prepared(party, _cells(party, order, party[0]), labelled=False)
    if party == "shop":
        return _prepared("shop", _cells("shop", range(ROWS), "c"), labelled=True)
    cells = _cells("media", range(FIRST_OF_MEDIA, FIRST_OF_MEDIA + ROWS), "p")
    return _prepared(
        "media", cells, labelled=False, extra=f"x,0,p1\n{TWICE['media'][0]},0,{TWICE['media'][1]}\n"
    )


@functools.cache
def of_others():
    """As media's training data, with the same ids, but not media's: its last mark is another's."""
    ids = range(FIRST_OF_MEDIA, FIRST_OF_MEDIA + ROWS)
    cells = [(row, "media-later" if row == 80 else value) for row, value in _cells("media", ids, "p")]
    return _prepared("media", cells, labelled=False)


@dataclass(frozen=True)
class Told:
    """What a model and a file of predictions say about the rows that they were made from."""

    known: frozenset
    """The canaries that the model knows."""
    rows: tuple
    """Trained, held out."""
    scored: tuple
    """Ids of the predictions, in their order."""


ALL_MARKS = [
    *(
        mark
        for marks in (MARKED, ALONE, OTHER_ROUND)
        for of_party in marks.values()
        for mark in of_party.values()
    ),
    *(mark for _, mark in TWICE.values()),
]
HONEST = frozenset(mark for marks in MARKED.values() for mark in marks.values())
"""What a model knows that was learned from every joined row of its own round, and from no other."""


def told(model, predictions=b""):
    """Asks the files themselves, as whoever gets them would."""
    read = model_file.read(model)
    codes = {code for field in read.encoding["fields"] for code in _codes(field["mapping"])}
    hashes = hash_texts(pa.array(ALL_MARKS))
    known = frozenset(mark for mark, code in zip(ALL_MARKS, hashes, strict=True) if int(code) in codes)
    joint = read.metrics
    ids = tuple(int(line.partition(",")[0]) for line in predictions.decode().splitlines()[1:])
    return Told(known, (joint["rows_trained"], joint["rows_held_out"]), ids)


def _codes(mapping):
    return np.frombuffer(base64.b64decode(mapping["codes"]), dtype="<u8").tolist()
