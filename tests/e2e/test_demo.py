"""`confide-sim demo`, as `make demo` runs it, on fewer rows."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from fakes.site import program
from rich.console import Console

from confide_sim.demo.story import Story

pytestmark = pytest.mark.e2e

ROWS = 5_000
KEYS = {
    *("joint_auc", "alone_auc", "joint_logloss", "trust_root", "seconds", "receipt", "model", "predictions"),
    *("rows_sent", "rows_joined", "rows_unmatched", "rows_quarantined"),
}


def demo(out, rows=ROWS):
    command = [program("confide-sim"), "demo", "--rows", str(rows), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "demo-run"


@pytest.fixture(scope="module")
def done(base):
    done = demo(base)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def summary(base, done):
    return json.loads((base / "summary.json").read_bytes())


def test_it_ends_well(done):
    assert re.search(r"^DEMO OK in [\d.]+ s$", done.stdout.strip().splitlines()[-1])
    assert done.stderr == ""
    assert "SIMULATED" in done.stdout


def test_the_summary_tells_what_happened(summary):
    assert set(summary) >= KEYS
    assert summary["joint_auc"] > summary["alone_auc"] + 0.01
    assert summary["joint_logloss"] < summary["alone_logloss"]
    assert 0.5 < summary["predictions_auc"] < 1
    assert summary["trust_root"].startswith("SIMULATED:")
    assert 0 < summary["seconds"] < 120


def test_no_row_is_lost(summary):
    for party in ("shop", "media"):
        sent, unmatched, quarantined = (
            summary[name][party] for name in ("rows_sent", "rows_unmatched", "rows_quarantined")
        )
        assert sent == summary["rows_joined"] + unmatched + quarantined
        assert summary["rows_quarantined_while_preparing"][party] > 0
        assert unmatched > 0


def test_what_each_holds_is_in_a_folder_of_its_own(base, summary):
    for name in ("model", "predictions", "receipt"):
        assert (base / "shop") in (base / summary[name]).parents
    assert [path for path in base.rglob("model.confide") if "shop" not in path.parts] == []
    assert [path for path in base.rglob("predictions.csv") if "shop" not in path.parts] == []
    assert len(list(base.rglob("receipt.json"))) == 2
    assert {path.parent.parent.name for path in base.rglob("identity.key.json")} == {"shop", "media", "cloud"}


def test_the_printed_command_verifies_the_receipt(done, tmp_path):
    (printed,) = re.findall(r"^ *\S*confide (receipt verify .*)$", done.stdout, re.MULTILINE)[-1:]
    arguments = shlex.split(printed)
    verified = subprocess.run(
        [program("confide"), *arguments, "--format", "json"],
        capture_output=True,
        cwd=tmp_path,
        check=True,
    )
    steps = json.loads(verified.stdout)["result"]["steps"]
    assert "cloud has signed that the enclave's process has ended" in steps[-1]


def test_no_process_is_left(base, done):
    def works_in(process):
        try:
            return base in (process / "cwd").readlink().parents
        except OSError:
            return False

    assert [process.name for process in Path("/proc").glob("[0-9]*") if works_in(process)] == []


def test_the_folder_of_an_earlier_demo_is_replaced(tmp_path):
    story = Story(tmp_path / "demo-run", 1_000, Console(quiet=True))
    story._prepare_folders()
    (tmp_path / "demo-run" / "shop" / "model.confide").touch()
    story._prepare_folders()
    assert list((tmp_path / "demo-run" / "shop").iterdir()) == []


def test_any_other_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").touch()
    refused = demo(tmp_path)
    assert refused.returncode == 1
    assert "not of an earlier demo" in " ".join(refused.stdout.split())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
