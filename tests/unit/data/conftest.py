import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from confide.data.dataset import PreparedDataset
from confide.data.prepare import prepare
from confide.data.schema import loads

SCHEMA = """
[id]
name = "id"
type = "integer"
[label]
name = "click"
[columns]
site = "categorical"
price = "numeric"
"""


@pytest.fixture
def schema():
    return loads(SCHEMA)


@pytest.fixture
def text_schema():
    return loads(SCHEMA.replace('"integer"', '"string"'))


@pytest.fixture
def prepared(tmp_path):
    """Prepare bytes (CSV) or a dict of columns (Parquet); gives the opened dataset."""
    made = 0

    def make(content, schema, *, suffix=".csv"):
        nonlocal made
        made += 1
        source = tmp_path / f"source{made}{suffix}"
        if isinstance(content, dict):
            source = source.with_suffix(".parquet")
            pq.write_table(pa.table(content), source)
        else:
            source.write_bytes(content)
        prepare(source, schema, tmp_path / f"dataset{made}")
        return PreparedDataset.open(tmp_path / f"dataset{made}")

    return make
