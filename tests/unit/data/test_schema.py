import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.core.errors import SchemaInvalid
from confide.core.features import Kind
from confide.data.schema import (
    Format,
    IdColumn,
    IdType,
    LabelColumn,
    LabelType,
    ReaderOptions,
    Schema,
    load,
    loads,
)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(
    columns=st.dictionaries(names, st.sampled_from(Kind), min_size=1, max_size=5),
    id_type=st.sampled_from(IdType),
)
def test_goes_round_through_toml(columns, id_type):
    schema = Schema(
        id=IdColumn("the id" * 4, id_type), columns=columns, reader=ReaderOptions(nulls=("", "NA"))
    )
    assert loads(schema.to_toml()) == schema
    assert list(loads(schema.to_toml()).columns) == list(columns)


def test_full_schema_goes_round():
    reader = ReaderOptions(format=Format.TEXT, delimiter="|", header=False, names=("a", "b"), quoting=False)
    schema = Schema(
        id=IdColumn("a", IdType.STRING),
        label=LabelColumn("y", LabelType.REAL),
        columns={"b": Kind.NUMERIC},
        reader=reader,
    )
    assert loads(schema.to_toml()) == schema
    assert schema.names == ("a", "y", "b")
    assert schema.without_label().names == ("a", "b")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "id"),
        ("[id]\nname='a'\ntype='uuid'\n[columns]\nb='numeric'", "$.id.type"),
        ("[id]\nname='a'\ntype='string'\n[columns]\nb='number'", "$.columns"),
        ("[id]\nname='a'\ntype='string'\n[columns]\n", "columns"),
        ("[id]\nname='a'\ntype='string'\n[columns]\na='numeric'", "columns"),
        ("[id]\nname='a'\ntype='string'\nkey=1\n[columns]\nb='numeric'", "key"),
        (
            "[id]\nname='a'\ntype='string'\n[columns]\nb='numeric'\n[reader]\ndelimiter='ab'",
            "reader.delimiter",
        ),
        ("[id]\nname='a'\ntype='string'\n[columns]\nb='numeric'\n[reader]\nnames=['a']", "reader.names"),
        ("[id]\nname='a'\ntype='string'\n[columns]\n" + "b" * 65 + "='numeric'", "columns"),
        ("[id", "end of a table"),
    ],
)
def test_names_the_field_at_fault(text, field):
    with pytest.raises(SchemaInvalid) as caught:
        loads(text)
    assert field in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_raises_one_error(text):
    with contextlib.suppress(SchemaInvalid):
        loads(text)


def test_unreadable_file(tmp_path):
    with pytest.raises(SchemaInvalid):
        load(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    with pytest.raises(SchemaInvalid):
        load(tmp_path / "latin.toml")
