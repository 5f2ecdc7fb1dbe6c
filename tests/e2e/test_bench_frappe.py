"""bench/frappe.py on made-up files of its format: it runs, and its figures are those of rows it can learn."""

import csv
import json
import random
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "bench" / "frappe.py"
SPLITS = {"train": 1_500, "validation": 300, "test": 300}


def write_split(folder, name, rows, draw):
    """Label 1 where user and item are both odd or both even; weather says nothing; few items are unseen."""
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "user", "item", "weather"])
        for number in range(rows):
            user, item = draw.randrange(20), draw.randrange(20, 40 if name == "train" else 41)
            writer.writerow(
                [f"{name}{number}", 1 - (user + item) % 2, user, item, f"weather {draw.randrange(4)}"]
            )


def test_prints_the_figures_of_both_tasks_on_the_test_split(tmp_path):
    draw = random.Random(7)
    for name, rows in SPLITS.items():
        write_split(tmp_path, name, rows, draw)
    files = [part for name in SPLITS for part in (f"--{name}", tmp_path / f"{name}.csv")]
    done = subprocess.run(
        [sys.executable, SCRIPT, *files, "--seeds", "1"], capture_output=True, check=True, timeout=300
    )
    document = json.loads(done.stdout)
    assert document["afm_auc"] > 0.95
    assert document["afm_logloss"] < 0.4
    assert 0 < document["afm_rmse"] < 0.8
    assert 0 < document["fm_rmse"] < 1
    runs = document["models"]["afm_rmse"]["runs"]
    assert [run["seed"] for run in runs] == [0]
    assert document["afm_rmse"] == round(runs[0]["test"]["rmse"], 4)
    assert b"means on test" in done.stderr
