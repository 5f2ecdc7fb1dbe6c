import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.core import canonical
from confide.core.errors import DatasetCorrupt
from confide.core.features import Kind
from confide.data.manifest import BlockEntry, Column, Manifest, Reason, SourceEntry
from confide.data.schema import IdColumn, IdType, LabelColumn

DIGEST = "0a" * 48


def manifest(block_rows=(3, 2), quarantined=None, **changes):
    quarantined = quarantined if quarantined is not None else {Reason.DUPLICATE_ID: 4}
    rows = sum(block_rows)
    made = Manifest(
        id=IdColumn("id", IdType.INTEGER),
        label=LabelColumn("click"),
        columns=(Column("site", Kind.CATEGORICAL), Column("price", Kind.NUMERIC)),
        rows=rows,
        blocks=tuple(BlockEntry(count, 100, DIGEST) for count in block_rows),
        source=SourceEntry(DIGEST, 1000, rows + sum(quarantined.values())),
        quarantined=quarantined,
    )
    return msgspec.structs.replace(made, **changes)


@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=5),
    st.dictionaries(st.sampled_from(Reason), st.integers(1, 1000)),
)
def test_goes_round(block_rows, quarantined):
    made = manifest(block_rows, quarantined)
    assert Manifest.decode(made.encode()) == made
    assert made.source.rows == made.rows + made.quarantined_rows


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 6},
        {"rows": 0},
        {"rows": -5},
        {"format": "confide-dataset/2"},
        {"category_hash": "md5"},
        {"blocks": []},
        {"columns": []},
        {"columns": [{"name": "id", "kind": "numeric"}]},
        {"columns": [{"name": "a", "kind": "numeric"}, {"name": "a", "kind": "numeric"}]},
        {"columns": [{"name": "", "kind": "numeric"}]},
        {"quarantined": {"duplicate id": 5}},
        {"quarantined": {"because": 4}},
        {"quarantined": {"duplicate id": -4}},
        {"source": {"sha384": DIGEST, "bytes": 1000, "rows": 5}},
        {"source": {"sha384": DIGEST[:-1] + "G", "bytes": 1000, "rows": 9}},
        {"source": {"sha384": DIGEST + "\n", "bytes": 1000, "rows": 9}},
        {"extra": 1},
    ],
)
def test_refuses_what_does_not_add_up(change):
    document = json.loads(manifest().encode()) | change
    with pytest.raises(DatasetCorrupt):
        Manifest.decode(canonical.encode(document))


def test_refuses_another_spelling():
    with pytest.raises(DatasetCorrupt):
        Manifest.decode(manifest().encode() + b"\n")


@given(st.binary(max_size=200))
def test_any_bytes_raise_one_error(data):
    with pytest.raises(DatasetCorrupt):
        Manifest.decode(data)


@given(st.data())
def test_mutated_bytes_raise_one_error(data):
    mutated = bytearray(manifest().encode())
    mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DatasetCorrupt):
        Manifest.decode(bytes(mutated))
