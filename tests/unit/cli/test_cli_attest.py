"""`confide attest verify` on real and simulated evidence."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from confide.cli.attest import app
from confide.core.errors import (
    CollateralExpired,
    ConfigurationError,
    InvalidEvidence,
    PolicyViolation,
    UntrustedRoot,
)
from confide_sim.tee import DEFAULT_MEASUREMENT, SimulatedTee

SAMPLES = Path(__file__).parents[2] / "data" / "attestation"
SGX = [
    "verify",
    str(SAMPLES / "sgx_v3.quote"),
    "--collateral",
    str(SAMPLES / "sgx_v3.collateral.json"),
    "--root",
    "intel",
]
IN_WINDOW = ["--at", "1751000000"]
STATUS = ["--allow-status", "ConfigurationAndSWHardeningNeeded"]


@pytest.fixture
def simulated(tmp_path):
    tee = SimulatedTee.from_seed(bytes(32), 1_800_000_000)
    (tmp_path / "quote").write_bytes(tee.quote(bytes(64)))
    (tmp_path / "collateral").write_bytes(tee.collateral(1_800_000_000))
    (tmp_path / "root.pem").write_text(tee.root_pem)
    return [
        "verify",
        str(tmp_path / "quote"),
        "--collateral",
        str(tmp_path / "collateral"),
        "--at",
        "1800000000",
        "--root",
        str(tmp_path / "root.pem"),
    ]


def run(*words):
    return CliRunner().invoke(app, [*words], env={"COLUMNS": "200"})


def test_a_real_quote(simulated):
    done = run(*SGX, *IN_WINDOW, *STATUS)
    assert done.exit_code == 0
    assert done.output.count("✓") == 6
    assert "✗" not in done.output
    assert "intel" in done.output
    assert "INTEL-SA-00615" in done.output
    assert "SIMULATED" not in done.output
    assert "not which software" in done.output


def test_a_simulated_quote_says_so_loudly(simulated):
    done = run(*simulated, "--mrenclave", DEFAULT_MEASUREMENT.upper())
    assert done.exit_code == 0
    assert "SIMULATED: SIMULATED:" in done.output
    assert "protects nothing" in done.output
    assert "not which software" not in done.output


def test_json(simulated):
    done = run(*simulated, "--format", "json", "--mrenclave", DEFAULT_MEASUREMENT)
    envelope = json.loads(done.output)
    assert envelope["ok"] is True
    assert envelope["result"]["measurement_checked"] is True
    assert envelope["result"]["claims"]["simulated"] is True
    assert json.loads(run(*simulated, "--format", "json").output)["result"]["measurement_checked"] is False


@pytest.mark.parametrize(
    ("words", "error", "ended_at"),
    [
        ([*SGX, *IN_WINDOW], PolicyViolation, "✗ 6."),
        ([*SGX, "--at", "1"], CollateralExpired, "✗ 5."),
        ([*SGX], CollateralExpired, "✗ 5."),
        ([*SGX, *IN_WINDOW, *STATUS, "--mrenclave", "00"], PolicyViolation, "✗ 6."),
        (["verify", SGX[3], *SGX[2:], *IN_WINDOW], InvalidEvidence, "✗ 1."),
        (["verify", SGX[1], "--collateral", SGX[1], *SGX[4:]], InvalidEvidence, "✗ 3."),
    ],
)
def test_where_it_ends(words, error, ended_at):
    done = run(*words)
    assert type(done.exception) is error
    assert ended_at in done.output
    assert done.output.count("✗") == 1


def test_another_root(simulated):
    done = run(*SGX[:-1], simulated[-1], *IN_WINDOW)
    assert type(done.exception) is UntrustedRoot
    assert "✗ 2." in done.output


def test_platform_flags():
    words = ["verify", str(SAMPLES / "tdx_v4.quote"), "--collateral", str(SAMPLES / "tdx_v4.collateral.json")]
    words += ["--root", "intel", *IN_WINDOW]
    assert type(run(*words).exception) is PolicyViolation
    flags = ["--allow-dynamic-platform", "--allow-cached-keys", "--allow-smt"]
    assert type(run(*words, *flags[:2]).exception) is PolicyViolation
    assert run(*words, *flags).exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["verify", "missing", *SGX[2:]],
        [*SGX[:-1], "missing.pem"],
        [*SGX, "--allow-status", "Revoked"],
    ],
)
def test_configuration_errors_are_no_failed_step(words):
    done = run(*words, *IN_WINDOW)
    assert type(done.exception) is ConfigurationError
    assert "✗" not in done.output
