"""Files with ids are removed: by whoever made them, or by the next one after a kill."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from confide.mpc.work_folder import private_folder

_HOLDS = """
import sys, time
from pathlib import Path
from confide.mpc.work_folder import private_folder
with private_folder(Path(sys.argv[1])) as folder:
    (folder / "input.csv").write_text("ids")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has a folder in `tmp_path/base`."""
    command = [sys.executable, "-c", _HOLDS, str(tmp_path / "base")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.folder = process.stdout.readline().strip()
        yield process
        process.kill()


def test_nothing_is_left_and_the_base_goes_with_its_last_folder(tmp_path):
    base = tmp_path / "base"
    with private_folder(base) as one, private_folder(base) as other:
        (one / "input.csv").write_text("ids")
        assert one != other
        assert one.stat().st_mode & 0o777 == base.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_it_is_removed_when_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), private_folder(tmp_path / "base") as folder:
        (folder / "input.csv").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_whatever_its_name_is(tmp_path, holder):
    left = tmp_path / "base" / f"{os.getpid()}-named-after-us-as-pids-repeat-in-containers"
    left.mkdir()
    (left / "input.csv").write_text("ids")
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    with private_folder(tmp_path / "base") as ours:
        assert list((tmp_path / "base").iterdir()) == [ours]


def test_the_folder_of_a_live_process_stays(tmp_path, holder):
    with private_folder(tmp_path / "base"):
        pass
    assert [path.name for path in Path(holder.folder).iterdir()] == ["input.csv"]


def test_many_at_once_never_take_each_others(tmp_path):
    def work(number):
        with private_folder(tmp_path / "base") as folder:
            (folder / "input.csv").write_text(str(number))
            return (folder / "input.csv").read_text() == str(number)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))
    assert list(tmp_path.iterdir()) == []
