import json
import os
import re
import subprocess
import sys

import pytest

from confide_sim import image
from confide_sim.image import FileDigests, Image, measure

DIGESTS = FileDigests()


@pytest.fixture(scope="module")
def measured():
    return measure(digests=DIGESTS)


def test_same_files_same_measurement(measured):
    assert measure(digests=DIGESTS) == measured
    assert len(bytes.fromhex(measured.measurement)) == 32


def test_the_entry_is_measured(measured):
    other = measure(("-c", "pass"), DIGESTS)
    assert other.files == measured.files
    assert other.measurement != measured.measurement


def test_every_part_of_the_manifest_counts():
    base = Image(("-m", "x"), "3", {"a": "00", "b": "11"})
    others = (
        Image(("-m", "y"), "3", base.files),
        Image(("-mx",), "3", base.files),
        Image(base.entry, "4", base.files),
        Image(base.entry, "3", {"a": "00"}),
        Image(base.entry, "3", {"a": "00", "b": "12"}),
        Image(base.entry, "3", {"a": "00", "c": "11"}),
    )
    assert len({value.measurement for value in (base, *others)}) == 1 + len(others)


def test_what_is_inside(measured):
    names = set(measured.files)
    for expected in (
        "confide/core/limits.py",
        "confide/attestation/roots/intel.der",
        "confide/app/system.py",
        "python/executable",
        "python/stdlib/json/decoder.py",
        "numpy/numpy/__init__.py",
    ):
        assert expected in names
    for prefix in ("confide/data/readers", "confide/data/prepare", "confide/cli", "confide/party", "rich/"):
        assert not [name for name in names if name.startswith(prefix)]
    assert not [name for name in names if name.endswith(".pyc")]


def test_all_that_the_measured_modules_load_is_measured(measured):
    """The claim of image.py, checked against what the interpreter really loads."""
    program = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps([m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None)]))
"""
    files = [name.removesuffix(".py") for name in measured.files if re.fullmatch(r"confide/.*\.py", name)]
    modules = [name.removesuffix("/__init__").replace("/", ".") for name in files]
    options = ["-I", "-X", "pycache_prefix=/dev/null/none"]
    done = subprocess.run(
        [sys.executable, *options, "-c", program, *modules], capture_output=True, text=True, check=True
    )
    paths = {os.path.realpath(path) for _, path in image._paths()}
    loaded = {os.path.realpath(path) for path in json.loads(done.stdout.splitlines()[-1])}
    assert sorted(loaded - paths) == []
    assert len(loaded) > 100


def test_a_changed_file_is_read_again(tmp_path):
    digests, path = FileDigests(), tmp_path / "f"
    path.write_bytes(b"one")
    first = digests.of(path)
    assert digests.of(path) == first
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.of(path) != first


def test_a_missing_file_has_no_measurement(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        FileDigests().of(tmp_path / "missing")
