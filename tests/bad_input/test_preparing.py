"""Every sample goes through inspect and prepare: a dataset with the rest counted, or a refusal with why."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bad_input.all_samples import SAMPLES
from bad_input.outcome import inspected, prepared
from bad_input.samples import GOOD, good_line, text
from bad_input.samples_no_file import FOR_USERS
from bad_input.samples_parquet import WHOLE, table

from confide.core import limits
from confide.core.errors import ConfideError, DataError, UnreadableSource
from confide.data.dataset import PreparedDataset
from confide.data.inspect import inspect
from confide.data.manifest import Reason
from confide.data.readers import open_source, parquet_sizes
from confide.data.readers.parquet import ParquetSource
from confide.data.schema import ReaderOptions

BY_NAME = {sample.name: sample for sample in SAMPLES}
USABLE = [sample for sample in SAMPLES if sample.usable]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_prepared_or_refused(sample, tmp_path):
    outcome = prepared(sample, tmp_path)
    assert (outcome.manifest is not None) is sample.usable, outcome.error
    if outcome.manifest is None:
        assert isinstance(outcome.error, DataError)
        assert outcome.error.remedy
        assert not outcome.folder.exists(), "half a dataset was left"
        return
    dataset = PreparedDataset.open(outcome.folder)
    dataset.check()
    assert dataset.table().num_rows == outcome.manifest.rows
    assert outcome.manifest.source.rows == outcome.manifest.rows + outcome.manifest.quarantined_rows
    assert len(dataset.quarantine()) == outcome.manifest.quarantined_rows


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_inspected_or_refused(sample, tmp_path):
    assert inspected(sample.make(tmp_path), tmp_path)


@pytest.mark.parametrize("sample", [s for s in USABLE if s.suffix == ".csv"], ids=lambda sample: sample.name)
def test_rows_are_the_same_whatever_the_size_of_a_chunk(sample, tmp_path, monkeypatch):
    """Faults that fall on the border of two chunks are seen as those within one."""
    if sample.name in {"long-field", "long-number", "long-ids", "many-categories"}:
        pytest.skip("its rows are longer than these chunks, or too many")
    whole = prepared(sample, tmp_path).manifest
    monkeypatch.setattr(limits, "READ_CHUNK_BYTES", 301)
    (tmp_path / "again").mkdir()
    again = prepared(sample, tmp_path / "again").manifest
    assert (again.rows, again.quarantined, again.source.rows) == (
        whole.rows,
        whole.quarantined,
        whole.source.rows,
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file(tmp_path):
    assert isinstance(prepared(FOR_USERS, tmp_path).error, UnreadableSource)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_folder_that_may_not_be_entered(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(UnreadableSource, match="Permission denied"):
        open_source(tmp_path / "closed" / "x.csv", ReaderOptions())


def test_no_row_of_the_wrong_width_is_lost_where_it_is_not_utf8(tmp_path):
    """Arrow hands such rows to our handler as text; it gave up the file when one was not UTF-8."""
    outcome = prepared(BY_NAME["latin-1-wrong-width"], tmp_path)
    assert outcome.manifest.quarantined == {Reason.WRONG_WIDTH: 2}
    assert [row.row for row in PreparedDataset.open(outcome.folder).quarantine()] == [GOOD + 1, GOOD + 2]


def test_every_cut_of_a_parquet_file(tmp_path):
    path = tmp_path / "cut.parquet"
    for end in range(1, len(WHOLE), 7):
        path.write_bytes(WHOLE[:end])
        with pytest.raises(DataError):
            inspect(path)


def test_every_cut_of_a_text(tmp_path):
    """Cut anywhere, a file has at most one row less, and one that may be at fault."""
    path, data = tmp_path / "cut.csv", text(after='101,1,"Gen\u00e8ve, old",2\n')
    for end in range(1, len(data), 13):
        path.write_bytes(data[:end])
        try:
            inspect(path)
        except ConfideError as refused:
            assert isinstance(refused, DataError)  # noqa: PT017 — many of these are fine


def test_parquet_dictionary_that_expands_without_bound(tmp_path, monkeypatch):
    """1 MiB in each of 40,000 rows, from a small file: read few rows at a time."""
    rows = 40_000
    entry = pa.array(["x" * limits.MIB])
    bomb = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), entry)
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"id": range(rows), "city": bomb}), path)
    assert path.stat().st_size < limits.MIB
    most = parquet_sizes.rows_at_a_time(path, ["id", "city"])
    assert most == limits.READ_BATCH_BYTES // limits.MIB
    monkeypatch.setattr(limits, "READ_BATCH_BYTES", 4 * limits.MIB)
    first = next(ParquetSource(path).chunks(["id", "city"]))
    assert first.batch.nbytes <= 5 * limits.MIB


def test_parquet_of_usual_rows_is_read_in_whole_blocks(tmp_path):
    path = tmp_path / "usual.parquet"
    pq.write_table(table(), path)
    assert parquet_sizes.rows_at_a_time(path, ["id", "city"]) == limits.BLOCK_ROWS


def test_wide_parquet_rows_are_read_fewer_at_a_time(tmp_path):
    path = tmp_path / "wide.parquet"
    pq.write_table(pa.table({"a": [b"%6000d" % i for i in range(64)]}), path, use_dictionary=False)
    assert 1 <= parquet_sizes.rows_at_a_time(path, ["a"]) <= limits.READ_BATCH_BYTES // 6000


def test_inspect_looks_at_no_more_than_its_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "READ_CHUNK_BYTES", 4096)
    monkeypatch.setattr(limits, "INSPECT_BYTES", 20_000)
    path = tmp_path / "long.csv"
    path.write_text("id,click,city,price\n" + "".join(good_line(number) for number in range(1, 20_000)))
    found = inspect(path)
    assert not found.whole
    assert found.sampled_rows < 2000
