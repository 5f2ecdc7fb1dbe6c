"""What the demo reads back is found whatever else lies in a party's records."""

from pathlib import Path

import pytest

from confide_sim.demo.summary import finished_task

NAMES = ("aaaa", "zzzz")


@pytest.mark.parametrize("first", [".locks", *NAMES])
def test_a_task_is_found_by_its_receipt_whatever_the_file_system_lists_first(
    tmp_path: Path, first: str
) -> None:
    for name in (first, *{".locks", *NAMES} - {first}):
        (tmp_path / name).mkdir()
    (tmp_path / ".locks" / "zzzz").touch()
    (tmp_path / "aaaa" / "journal").touch()
    (tmp_path / "zzzz" / "receipt.json").touch()

    assert finished_task(tmp_path) == tmp_path / "zzzz"
