"""The code and commands of docs/how-to/use-a-model.md and verify-a-model.md, as they stand there."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from confide.app.models import OpenedModel
from confide.cli.main import app
from confide.cli.model import _words
from confide.data.dataset import PreparedDataset

HOW_TO = Path(__file__).resolve().parents[3] / "docs/how-to"


def blocks(page, language):
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def folder(kept, tmp_path, monkeypatch):
    for name in ("model.confide", "model.confide.signature.json", "receipt.json"):
        shutil.copy(kept / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def anchors(world_authority, tmp_path):
    (tmp_path / "ca.pem").write_bytes(world_authority.pem)
    (tmp_path / "root.der").write_bytes(world_authority.tee.root_der)
    return ["--ca", "ca.pem", "--root", "root.der"]


def run(*arguments):
    done = CliRunner().invoke(app, ["model", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def columns_of(datasets):
    found = {}
    for (party, name), path in {("shop", "city"): "shop", ("media", "page"): "media"}.items():
        table = PreparedDataset.open(datasets[path].path).table().sort_by("id")
        found[party, name] = table.column(name).to_numpy().copy()
    return found


def test_the_scorer_of_twenty_lines_agrees(folder, datasets):
    code = blocks("use-a-model.md", "python")[1]
    assert len(code[code.index("def ") :].splitlines()) <= 24
    there = {}
    exec(compile(code, "use-a-model.md", "exec"), there)  # noqa: S102 - our own page
    columns = columns_of(datasets)
    columns["shop", "city"][:3] = (0, 1, 1 << 63)  # missing, and never seen
    wanted = OpenedModel.read(folder / "model.confide").model.predict(columns)
    np.testing.assert_allclose(there["score"]("model.confide", columns), wanted, atol=1e-6)
    assert wanted.std() > 0


def test_the_estimator_is_the_models(folder, datasets):
    there = {}
    exec(compile(blocks("use-a-model.md", "python")[0], "use-a-model.md", "exec"), there)  # noqa: S102
    assert type(there["estimator"]).__name__ == "AFMClassifier"
    found = there["estimator"].predict_proba([["v1", "v2"], ["v3", None]])
    assert found.shape == (2, 2)


def test_verified_with_confide_and_then_by_others(folder, anchors):
    told = run("verify", "model.confide", *anchors, "--public-key", "enclave.pem")
    assert "provenance is valid" in told
    assert "SIMULATED" in told
    exec(compile(blocks("verify-a-model.md", "python")[0], "verify-a-model.md", "exec"), {})  # noqa: S102
    by_openssl, digest = blocks("verify-a-model.md", "sh")[2:]
    done = subprocess.run(["bash", "-ec", by_openssl], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("Verified OK\n")
    done = subprocess.run(["bash", "-ec", digest], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] in run("verify", "model.confide", *anchors, "--format", "json")


def test_looked_into_and_scored(folder, datasets):
    Path("prepared").mkdir()
    Path("prepared/mine").symlink_to(datasets["shop"].path)
    (commands,) = [block for block in blocks("use-a-model.md", "sh") if "model show" in block]
    shown, scored = (run(*shlex.split(line)[2:]) for line in commands.splitlines())
    assert "afm" in shown
    assert "media.page" in scored, "the column that no dataset holds is named"
    lines = Path("scores.csv").read_text().splitlines()
    assert lines[0].replace('"', "") == "id,probability"
    assert len(lines) == datasets["shop"].manifest.rows + 1


def test_exported_as_onnx(folder):
    told = run("export", "model.confide", "--onnx", "model.onnx")
    assert "shop.city" in told
    assert (folder / "model.onnx").stat().st_size > 500


def test_a_model_is_shown_line_by_line_and_long_lists_as_their_length(folder):
    lines = [line.strip() for line in run("show", "model.confide").splitlines()]
    assert "learning_rate: 0.0500" in lines
    shown = _words({"auc": 0.5, "roc": [0.25] * 101, "lift": [{"share": 0.1}], "inner": {"[b]": [1, 0.5]}})
    assert shown.splitlines() == [
        "auc: 0.5000",
        "roc: [dim]101 entries, shown by --format json[/]",
        "lift: [dim]1 entries, shown by --format json[/]",
        "inner:",
        r"  \[b]: 1, 0.5000",
    ]
