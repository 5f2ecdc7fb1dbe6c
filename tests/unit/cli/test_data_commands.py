import json

import pytest
from typer.testing import CliRunner

from confide.cli.data import app
from confide.core.errors import ConfigurationError, DatasetCorrupt, SchemaInvalid

SOURCE = "id,click,site\n" + "".join(f"{at},{at % 2},s{at % 5}\n" for at in range(100)) + "7,1,s1\n3\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """Preparing is logged in the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "impressions.csv"
    path.write_text(SOURCE)
    return path


def run(*arguments):
    """What the command prints; its error, where it ends with one of ours."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def run_json(*arguments):
    envelope = json.loads(run(*arguments, "--format", "json"))
    assert envelope["ok"] is True
    return envelope["result"]


def test_from_source_to_dataset(source, tmp_path):
    schema, out = tmp_path / "schema.toml", tmp_path / "dataset"
    text = run("inspect", source, "--out", schema)
    assert "label, binary" in text
    assert str(schema) in text
    prepared = run("prepare", source, "--schema", schema, "--out", out)
    assert "Source rows 102 = 100 prepared, 2 quarantined" in prepared
    assert "1 × duplicate id" in prepared
    shown = run("show", out)
    assert "row 101: duplicate id (column id)" in shown
    assert "row 102: wrong number of fields" in shown
    assert "All blocks are as the manifest says." in shown


def test_json(source, tmp_path):
    schema, out = tmp_path / "schema.toml", tmp_path / "dataset"
    inspected = run_json("inspect", source, "--out", schema)
    assert inspected["schema"]["id"] == {"name": "id", "type": "integer"}
    prepared = run_json("prepare", source, "--schema", schema, "--out", out)
    assert prepared["manifest"]["rows"] == 100
    shown = run_json("show", out)
    assert shown["quarantined_rows"] == 2
    assert [row["row"] for row in shown["quarantine_examples"]] == [101, 102]
    assert shown["manifest_sha384"] == prepared["manifest_sha384"]


def test_without_label(source, tmp_path):
    schema = tmp_path / "schema.toml"
    run("inspect", source, "--out", schema)
    later = tmp_path / "later.csv"
    later.write_text("id,site\n1,s1\n")
    result = run_json("prepare", later, "--schema", schema, "--out", tmp_path / "out", "--without-label")
    assert result["manifest"]["label"] is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("impressions.csv", "impressions"),
        ("IMPRESSIONS.CSV", "IMPRESSIONS"),
        ("a.b.txt", "a.b"),
        ("noname", "noname"),
    ],
)
def test_schema_goes_to_the_current_folder(source, tmp_path, monkeypatch, name, expected):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    source.rename(tmp_path / name)
    text = run("inspect", tmp_path / name, "--source-format", "csv")
    assert f"Schema written to {expected}.schema.toml" in text
    assert '[columns]\nsite = "categorical"' in (here / f"{expected}.schema.toml").read_text()


def test_a_schema_that_is_there_stays(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_json("inspect", source)["schema_file"] == "impressions.schema.toml"
    (tmp_path / "impressions.schema.toml").write_text("mine")
    text = run("inspect", source)
    assert '[columns]\nsite = "categorical"' in text
    assert "impressions.schema.toml is there already" in text
    assert (tmp_path / "impressions.schema.toml").read_text() == "mine"
    assert run_json("inspect", source)["schema_file"] is None


def test_no_suggestion(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "s.csv"
    path.write_text("a,b\n" + "x,y\n" * 50)
    assert "No schema to suggest" in run("inspect", path)
    assert run_json("inspect", path)["schema"] is None
    with pytest.raises(SchemaInvalid):
        run("inspect", path, "--out", tmp_path / "schema.toml")


def test_refusals(source, tmp_path):
    taken = tmp_path / "schema.toml"
    taken.write_text("mine")
    with pytest.raises(ConfigurationError):
        run("inspect", source, "--out", taken)
    assert taken.read_text() == "mine"
    with pytest.raises(ConfigurationError):
        run("inspect", source, "--delimiter", "ab")
    with pytest.raises(DatasetCorrupt):
        run("show", tmp_path)


def test_show_finds_a_changed_block(source, tmp_path):
    run("inspect", source, "--out", tmp_path / "schema.toml")
    run("prepare", source, "--schema", tmp_path / "schema.toml", "--out", tmp_path / "out")
    block = tmp_path / "out" / "block-00000.arrows"
    block.write_bytes(block.read_bytes()[:-1])
    with pytest.raises(DatasetCorrupt, match=block.name):
        run("show", tmp_path / "out")
