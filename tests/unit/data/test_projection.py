"""A projection holds the chosen columns and nothing of the others, the same bytes each time."""

import pytest

from confide.core.digest import sha384_hex
from confide.core.errors import SchemaMismatch
from confide.data.blocks import decode_block
from confide.data.dataset import PreparedDataset
from confide.data.prepare import prepare
from confide.data.projection import Projection, project
from confide.data.schema import loads

SCHEMA = """
[id]
name = "row"
type = "integer"
[label]
name = "click"
[columns]
city = "categorical"
price = "numeric"
secret = "categorical"
"""


@pytest.fixture
def dataset(tmp_path):
    lines = ["row,click,city,price,secret"]
    lines += [f"{row},{row % 2},c{row % 3},{row / 7},canary-{row}" for row in range(100)]
    source = tmp_path / "rows.csv"
    source.write_text("\n".join(lines) + "\n")
    prepare(source, loads(SCHEMA), tmp_path / "prepared")
    return PreparedDataset.open(tmp_path / "prepared")


def table(dataset):
    manifest = dataset.manifest
    (batch,) = (
        decode_block(dataset.block(index), entry, manifest) for index, entry in enumerate(manifest.blocks)
    )
    return batch.to_pydict()


def test_the_chosen_columns_are_unchanged_and_the_others_are_gone(dataset):
    projected = project(dataset, ("price", "city"))
    whole, part = table(dataset), table(projected)
    assert list(part) == ["row", "city", "price"]
    assert all(part[name] == whole[name] for name in part)
    assert projected.manifest.label is None
    assert [column.name for column in projected.manifest.columns] == ["city", "price"]


def test_the_label_stays_where_the_task_uses_it(dataset):
    assert project(dataset, ("city", "click")).manifest.label == dataset.manifest.label


def test_manifest_and_blocks_agree_and_repeat(dataset):
    first, second = (project(dataset, ("city",)) for _ in range(2))
    assert first.manifest_bytes == second.manifest_bytes
    entry = first.manifest.blocks[0]
    assert (entry.bytes, entry.sha384) == (len(first.block(0)), sha384_hex(second.block(0)))
    assert first.manifest.rows == first.id_count == 100
    assert first.id_set_digest() == dataset.id_set_digest()


def test_without_anything_to_leave_out_it_is_the_dataset_itself(dataset):
    assert project(dataset, ("secret", "price", "city", "click")) is dataset
    assert isinstance(project(dataset, ("secret", "price", "city")), Projection)


def test_a_column_that_is_not_there_is_named(dataset):
    with pytest.raises(SchemaMismatch, match="shoe"):
        project(dataset, ("city", "shoe"))
