import pytest

from confide.core import limits
from confide.core.errors import DatasetCorrupt
from confide.data.dataset import PreparedDataset, block_name
from confide.data.ids import id_set_digest

LINES = b"id,click,site,price\n1,1,a,1\n2,0,b,2\n3,0,bad,x\n"


def test_opens_what_was_prepared(prepared, schema):
    dataset = prepared(LINES, schema)
    dataset.check()
    assert dataset.id_count == 2
    assert dataset.manifest.encode() == dataset.manifest_bytes
    assert len(dataset.block(0)) == dataset.manifest.blocks[0].bytes
    assert dataset.id_set_digest() == id_set_digest(dataset.table().column("id"))
    assert "rows=2" in repr(dataset)


def test_id_digest_ignores_the_order_of_rows(prepared, schema):
    shuffled = prepared(b"id,click,site,price\n2,1,x,1\n1,0,y,2\n", schema)
    assert prepared(LINES, schema).id_set_digest() == shuffled.id_set_digest()


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: bytes([data[0] ^ 1]) + data[1:]])
def test_changed_block(prepared, schema, change):
    dataset = prepared(LINES, schema)
    path = dataset.path / block_name(0)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DatasetCorrupt, match=block_name(0)):
        dataset.check()
    with pytest.raises(DatasetCorrupt):
        dataset.id_set_digest()
    path.unlink()
    with pytest.raises(DatasetCorrupt):
        dataset.block(0)


def test_no_dataset(tmp_path):
    with pytest.raises(DatasetCorrupt):
        PreparedDataset.open(tmp_path)


def test_damaged_quarantine_file(prepared, schema):
    dataset = prepared(LINES, schema)
    (dataset.path / "quarantine.jsonl").write_text("{}\n")
    with pytest.raises(DatasetCorrupt):
        dataset.quarantine()


def test_a_stored_block_is_given_as_it_lies_there(prepared, schema, monkeypatch):
    dataset = prepared(LINES, schema)
    path = dataset.path / block_name(0)
    assert dataset.stored_block(0) == dataset.block(0)
    path.write_bytes(b"changed")
    assert dataset.stored_block(0) == b"changed"
    monkeypatch.setattr(limits, "MAX_BLOCK_BYTES", 6)
    with pytest.raises(DatasetCorrupt, match="longer than 6 bytes"):
        dataset.stored_block(0)
    path.unlink()
    with pytest.raises(DatasetCorrupt):
        dataset.stored_block(0)
