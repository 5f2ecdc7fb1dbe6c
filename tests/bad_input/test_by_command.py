"""A handful of samples through the real command, in a process of its own: exit code, code and remedy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bad_input.all_samples import SAMPLES

from confide.core.errors import DataError

BY_NAME = {sample.name: sample for sample in SAMPLES}
CONFIDE = Path(sys.executable).parent / "confide"


def confide(folder, *arguments):
    ended = subprocess.run(
        [CONFIDE, "data", *map(str, arguments), "--format", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
    )
    assert "Traceback" not in ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def prepare(name, folder):
    sample = BY_NAME[name]
    schema = folder / "schema.toml"
    schema.write_text(sample.schema)
    return confide(folder, "prepare", sample.make(folder), "--schema", schema, "--out", folder / "out")


@pytest.mark.parametrize("name", ["latin-1-wrong-width", "parquet-text-not-utf8"])
def test_bad_rows_are_told_and_do_not_stop_the_others(name, tmp_path):
    code, told = prepare(name, tmp_path)
    assert (code, told["ok"]) == (0, True)
    manifest = told["result"]["manifest"]
    assert told["result"]["quarantined_rows"] == sum(manifest["quarantined"].values()) == 2
    assert manifest["source"]["rows"] == manifest["rows"] + 2


@pytest.mark.parametrize("name", ["utf-16", "pipe", "gzip-bomb", "parquet-cut"])
def test_refusals_tell_what_to_do(name, tmp_path):
    code, told = prepare(name, tmp_path)
    assert (code, told["ok"]) == (DataError.exit_code, False)
    assert told["error"]["code"] == "CFD-402"
    assert told["error"]["remedy"]
    assert not (tmp_path / "out").exists()


def test_inspect_of_noise(tmp_path):
    code, told = confide(tmp_path, "inspect", BY_NAME["noise"].make(tmp_path))
    assert (code, told["error"]["code"]) == (DataError.exit_code, "CFD-402")
