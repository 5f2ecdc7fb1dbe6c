import json

import pytest
from fakes.world import predict_task, train_task
from msgspec.structs import force_setattr

from confide.core.errors import LocalProtocolError
from confide.enclave.coordination import agreements
from confide.enclave.coordination.release import private_part, recipient, status_line
from confide.enclave.coordination.round import Round
from confide.enclave.work import Outcome
from confide.protocol.receipts import PrivatePart
from confide.protocol.terms import releases_metrics

REPORT = PrivatePart(salt=bytes(32), metrics={"auc": 0.7}, curve=({"epoch": 1.0},))


def a_round(task):
    current = Round(task, None, None, 0)
    current.outcome = Outcome(data=b"model", rows={}, report=REPORT)
    return current


@pytest.mark.parametrize("event", ["ready", "heartbeat", "state", "closed"])
def test_a_status_line_is_one_canonical_line(event):
    line = status_line(event, state="working", waiting_for=["shop"])
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"event": event, "state": "working", "waiting_for": ["shop"]}


def test_a_line_break_in_a_fact_does_not_make_a_second_line():
    line = status_line("closed", outcome='x\n{"event":"ready"}')
    assert line.count(b"\n") == 1


@pytest.mark.parametrize("event", ["result", "model", "rows", ""])
def test_nothing_else_may_leave(event):
    with pytest.raises(ValueError, match="may not leave"):
        status_line(event)


@pytest.mark.parametrize("task", [train_task(), predict_task(train_task())])
def test_results_go_to_the_initiator(task):
    assert recipient(a_round(task)) == "shop"


def test_a_result_that_is_released_to_nobody_goes_to_nobody():
    task = train_task()
    force_setattr(task, "releases", ())
    with pytest.raises(LocalProtocolError):
        recipient(a_round(task))


def test_metrics_leave_only_if_the_task_says_so():
    assert releases_metrics(train_task())
    assert private_part(a_round(train_task())) == REPORT
    silent = train_task(releases=train_task().releases[:1])
    assert not releases_metrics(silent)
    assert private_part(a_round(silent)) == PrivatePart(salt=bytes(32), metrics={}, curve=())


@pytest.mark.parametrize(
    "ask", [agreements.require_signed, agreements.require_outcome, agreements.require_statement]
)
def test_nothing_is_there_before_its_time(ask):
    with pytest.raises(LocalProtocolError):
        ask(Round(train_task(), None, None, 0))


def test_the_repr_of_an_outcome_shows_no_result():
    assert "model" not in repr(a_round(train_task()).outcome)
    assert "0.7" not in repr(a_round(train_task()).outcome)
