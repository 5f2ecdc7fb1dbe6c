"""A few executions of every target, the same each time; `scripts/fuzz.py` does as many as one likes."""

import pytest
from fuzzing import harness
from fuzzing.regressions import REGRESSIONS
from fuzzing.targets import all_targets

SEED = 20261120
EXECUTIONS = {
    "csv-prepared": 15,
    "plain-text": 20,
    "csv-inspected": 15,
    "parquet-prepared": 60,
    "parquet-inspected": 60,
}
NAMES = sorted(all_targets())


@pytest.mark.parametrize("name", NAMES)
def test_only_the_parsers_own_error_comes_out(name):
    report = harness.run(all_targets()[name], SEED, executions=EXECUTIONS.get(name, 150))
    assert [finding.what for finding in report.findings] == []


@pytest.mark.parametrize("name", NAMES)
def test_mutation_is_repeatable_and_gets_past_the_first_check(name):
    target = all_targets()[name]
    executions = min(30, EXECUTIONS.get(name, 30))
    first, again = (harness.run(target, 1, executions=executions) for _ in range(2))
    assert (first.accepted, first.refused) == (again.accepted, again.refused)


@pytest.mark.parametrize(("name", "data"), REGRESSIONS)
def test_inputs_that_once_did_harm(name, data):
    harness.execute(all_targets()[name], data)


def test_a_parser_that_raises_another_error_is_found():
    def parse(data):
        raise KeyError(data[:1])

    target = harness.Target("broken", [b"example"], parse, (ValueError,))
    report = harness.run(target, SEED, executions=3)
    assert [finding.what.splitlines()[-1].split(":")[0] for finding in report.findings] == ["KeyError"] * 3


def test_a_parser_that_takes_too_long_is_found(monkeypatch):
    monkeypatch.setattr(harness, "SLOW_SECONDS", 0.0)
    target = harness.Target("slow", [b"example"], sum, ())
    assert harness.run(target, SEED, executions=1).findings[0].what.startswith("took ")
