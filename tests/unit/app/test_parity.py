"""A plain and a shared training give the same numbers, to the bit."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from fakes.ports import FakeClock, SeededRandomness
from fakes.world import PARAMETERS
from typer.testing import CliRunner

from confide.algorithms import model_file, registry
from confide.algorithms.model import Model
from confide.app.parity import Rehearsal, compare, rehearse, shared_from_file
from confide.cli.main import app
from confide.core.errors import ConfigurationError

TASK = """
name = "clicks"
purpose = "click prediction"
dataset = "shop"
maximum_quarantined_share = 0.5
providers = ["media"]
[id]
name = "id"
type = "integer"
[label]
name = "click"
[features.shop]
city = "categorical"
[features.media]
page = "categorical"
[algorithm]
name = "{name}"
{parameters}
[evaluation]
holdout = 0.25
seed = 1
"""


@pytest.fixture
def rehearsal(tmp_path, datasets):
    def made(name, parameters=""):
        path = tmp_path / "TASK.toml"
        path.write_text(TASK.format(name=name, parameters=parameters))
        return Rehearsal.read(path, datasets)

    return made


def rehearsed(rehearsal):
    *_, last = rehearse(rehearsal, FakeClock(), SeededRandomness("parity"))
    return Model.read(last.outcome.data)


@pytest.mark.parametrize("name", sorted(registry.ALGORITHMS))
def test_the_enclaves_code_and_the_plain_one_agree_to_the_bit(rehearsal, name):
    found = compare(rehearsal(name), rehearsed(rehearsal(name)), "here")
    assert found.identical, found
    assert found.rows == 256
    assert found.held_out == 64
    assert found.plain == found.shared
    assert set(found.plain) >= {"logloss", "rmse"}


def test_crosses_over_parties_agree_to_the_bit(rehearsal):
    crosses = '[crosses]\nboth = ["shop.city", "media.page"]'
    found = compare(rehearsal("linear", crosses), rehearsed(rehearsal("linear", crosses)), "here")
    assert found.identical, found


def test_a_model_that_an_enclave_returned_agrees_to_the_bit(rehearsal, kept):
    """The whole protocol has run: sealed channels, commitments, evidence."""
    parameters = "\n".join(["[algorithm.parameters]", *(f"{k} = {v!r}" for k, v in PARAMETERS.items())])
    task = rehearsal("afm", parameters)
    found = compare(task, shared_from_file(kept / "model.confide", task), "file")
    assert found.identical, found


def test_a_model_of_another_task_is_not_compared(rehearsal, kept):
    with pytest.raises(ConfigurationError, match="another task"):
        shared_from_file(kept / "model.confide", rehearsal("afm", "parameters = {seed = 7}"))


def test_a_difference_is_told(rehearsal):
    task, model = rehearsal("linear"), rehearsed(rehearsal("linear"))
    arrays = dict(model.file.arrays) | {"bias": model.file.arrays["bias"] + np.float32(0.25)}
    other = Model.read(model_file.write(model_file.ModelFile(**fields_of(model.file) | {"arrays": arrays})))
    found = compare(task, other, "altered")
    assert not found.identical
    assert found.arrays["bias"] == pytest.approx(0.25)
    assert found.arrays["linear"] == 0
    assert 0.01 < found.predictions < 0.1


def fields_of(file):
    return {name: getattr(file, name) for name in file.__slots__}


def test_missing_data_is_asked_for(tmp_path, datasets):
    path = tmp_path / "TASK.toml"
    path.write_text(TASK.format(name="afm", parameters=""))
    with pytest.raises(ConfigurationError, match="every provider"):
        Rehearsal.read(path, {"media": datasets["media"]})


def test_the_command_of_the_how_to_tells_it(tmp_path, datasets, monkeypatch):
    page = (Path(__file__).resolve().parents[3] / "docs/how-to/compare-plain-and-shared.md").read_text()
    command = re.search(r"```sh\nconfide (.*?)\n```", page, re.DOTALL).group(1)
    monkeypatch.chdir(tmp_path)
    Path("TASK.toml").write_text(TASK.format(name="fm", parameters=""))
    Path("prepared").mkdir()
    for theirs, ours in (("alice", "shop"), ("bob", "media")):
        command = command.replace(f"{theirs}=", f"{ours}=")
        Path("prepared", theirs).symlink_to(datasets[ours].path)
    done = CliRunner().invoke(app, shlex.split(command))
    assert done.exit_code == 0, done.output
    assert "Identical to the bit" in done.output
