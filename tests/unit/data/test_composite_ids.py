"""An id of several columns is equal exactly where all its parts are, as their rules write them."""

import msgspec
import pyarrow as pa
import pytest
from fakes.world import train_task
from hypothesis import given
from hypothesis import strategies as st

from confide.core.errors import SchemaInvalid, SchemaMismatch
from confide.data.manifest import Manifest, Reason
from confide.data.prepare.composite import composed
from confide.data.schema import loads
from confide.enclave.coordination.datasets import check_manifest
from confide.protocol.terms import IdColumn, IdRule, IdType, Intersection

SCHEMA = """
[id]
name = "person"
type = "string"
columns = ["last", "born"]
rules = ["text/1", "exact/1"]
[label]
name = "click"
[columns]
site = "categorical"
[crosses]
"""
HEADER = "site,born,last,click\n"
LINES = "a,1970-01-02, Smith ,1\nb,1970-01-02,JONES,0\n"
IDS = ["5:smith10:1970-01-02", "5:jones10:1970-01-02"]
RULES = (IdRule.TEXT_1, IdRule.EXACT_1)


@pytest.fixture
def schema():
    return loads(SCHEMA)


def ids_of(dataset):
    return dataset.table().column("person").to_pylist()


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=1, max_size=20))
def test_different_parts_never_make_the_same_id(rows):
    parts = [pa.array(list(column), pa.string()) for column in zip(*rows, strict=True)]
    assert len(set(composed(parts).to_pylist())) == len(set(rows))


def test_plain_text_quoted_text_and_typed_files_give_the_same(prepared, schema):
    plain = prepared((HEADER + LINES).encode(), schema)
    quoted = prepared((HEADER + LINES.replace(" Smith ", '" Smith "')).encode(), schema)
    columns = {"site": ["a", "b"], "born": ["1970-01-02"] * 2, "last": [" Smith ", "JONES"], "click": [1, 0]}
    typed = prepared(columns, schema, suffix=".parquet")
    assert ids_of(plain) == ids_of(quoted) == ids_of(typed) == IDS


def test_a_part_may_be_a_whole_number(prepared, schema):
    columns = {"site": ["a"], "born": [1970], "last": ["x"], "click": [1]}
    assert ids_of(prepared(columns, schema, suffix=".parquet")) == ["1:x4:1970"]


def test_rows_whose_parts_are_no_ids_are_put_aside(prepared, schema):
    """A part that is missing or left empty by its rule, a whole that is too long, one that comes twice."""
    lines = [LINES, "a,1,  ,1\n", "a,,x,1\n", f"a,{'1' * 200},{'x' * 200},1\n", "a,1970-01-02,smith,1\n"]
    dataset = prepared((HEADER + "".join(lines)).encode(), schema)
    assert ids_of(dataset) == IDS
    assert dataset.manifest.quarantined == {
        Reason.EMPTY_ID: 2,
        Reason.ID_TOO_LONG: 1,
        Reason.DUPLICATE_ID: 1,
    }


def test_the_manifest_names_rules_but_not_columns(prepared, schema):
    manifest = prepared((HEADER + LINES).encode(), schema).manifest
    assert manifest.id.rules == RULES
    assert b"born" not in manifest.encode()
    assert Manifest.decode(manifest.encode()) == manifest
    assert loads(schema.to_toml()) == schema


@pytest.mark.parametrize(
    "change",
    [
        ('type = "string"', 'type = "integer"'),
        ('rules = ["text/1", "exact/1"]', ""),
        ('rules = ["text/1", "exact/1"]', 'rules = ["text/1"]'),
        ('columns = ["last", "born"]\n', ""),
        ('columns = ["last", "born"]', 'columns = ["last", "last"]'),
        ('columns = ["last", "born"]', 'columns = ["last", "site"]'),
        ('"exact/1"]', '"exact/2"]'),
    ],
)
def test_what_a_schema_may_not_say(change):
    with pytest.raises(SchemaInvalid):
        loads(SCHEMA.replace(*change))


def task(rules=RULES, **changes):
    return train_task(id=IdColumn(name="person", type=IdType.STRING, rules=rules), **changes)


def test_the_task_says_the_rules_and_a_dataset_by_others_is_refused(prepared, schema):
    manifest = prepared((HEADER + LINES).encode(), schema).manifest
    manifest = msgspec.structs.replace(
        manifest, columns=(msgspec.structs.replace(manifest.columns[0], name="city"),)
    )
    check_manifest("shop", manifest, task())
    for other in ((IdRule.TEXT_1,) * 2, (*RULES, IdRule.EXACT_1), msgspec.UNSET):
        with pytest.raises(SchemaMismatch, match=r"shop's id is 'person' \(string, parts: text/1, exact/1\)"):
            check_manifest("shop", manifest, task(other))


def test_an_intersection_does_not_write_parts_anew():
    assert task(alignment=Intersection()).id.rules == RULES
    with pytest.raises(ValueError, match="several parts"):
        task(alignment=Intersection(ids=IdRule.TEXT_1))


def test_the_encoding_of_other_ids_is_what_it_was():
    assert b"rules" not in msgspec.json.encode(train_task())
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"name": "x", "type": "integer", "rules": ["text/1", "text/1"]}, IdColumn)
