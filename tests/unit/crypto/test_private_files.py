import os

import pytest

from confide.core.errors import KeyStoreError
from confide.crypto.private_files import read_private, write_private


def test_goes_round_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        write_private(tmp_path / "f", b"secret", suffix="00")
    finally:
        os.umask(before)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600
    assert read_private(tmp_path / "f", limit=6) == b"secret"


def test_a_planted_temporary_name_is_not_followed(tmp_path):
    target = tmp_path / "elsewhere"
    (tmp_path / ".f.00").symlink_to(target)
    with pytest.raises(KeyStoreError):
        write_private(tmp_path / "f", b"secret", suffix="00")
    assert not target.exists()
    assert not (tmp_path / "f").exists()


def test_no_file_is_left_behind_by_a_failure(tmp_path):
    with pytest.raises(KeyStoreError):
        write_private(tmp_path / "no" / "f", b"secret", suffix="00")
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeyStoreError, match="regular"):
        read_private(tmp_path / "pipe", limit=10)
