"""Configuration, schema and root files that are endless, nested without end, or no text: refused with one
error.
"""

from pathlib import Path

import pytest

from confide.app.party_config import load_config, read_toml
from confide.app.platform import read_config
from confide.app.task_file import PredictFile
from confide.attestation.roots import TrustRoots
from confide.core import limits
from confide.core.errors import ConfigurationError, SchemaInvalid
from confide.data import schema

ENDLESS = Path("/dev/zero")
NESTED = b"a = " + b"[" * 100_000
READERS = {
    "party": (load_config, ConfigurationError),
    "platform": (read_config, ConfigurationError),
    "task": (lambda path: read_toml(path, PredictFile), ConfigurationError),
    "schema": (schema.load, SchemaInvalid),
    "root": (lambda path: TrustRoots.read([str(path)]), ConfigurationError),
}


@pytest.mark.parametrize("name", READERS)
def test_endless_file(name):
    read, error = READERS[name]
    with pytest.raises(error):
        read(ENDLESS)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "content", [NESTED, b"\xff\xfea\0", b"x = 1" * (limits.MAX_SETTINGS_BYTES // 4), b""]
)
def test_content(name, content, tmp_path):
    read, error = READERS[name]
    path = tmp_path / "file.toml"
    path.write_bytes(content)
    with pytest.raises(error):
        read(path)


@pytest.mark.parametrize("name", READERS)
def test_folder_in_place_of_a_file(name, tmp_path):
    read, error = READERS[name]
    with pytest.raises(error):
        read(tmp_path)
