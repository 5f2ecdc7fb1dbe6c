"""What users meet when something is wrong: an exit code and an envelope that says whose turn it is."""

import os
from contextlib import contextmanager

import pytest
from fakes import fair
from fakes.site import CLOCK, INTERRUPT, KILL, RANDOMNESS, until

from confide.core.errors import Fault
from confide.core.platform_api import TaskState
from confide_sim.tee import SimulatedTee

pytestmark = pytest.mark.e2e

ABSENT = "absent"
"""A provider that nobody is: tasks that name it wait for it."""
LONG = {"name": "afm", "parameters": {"epochs": 1000, "patience": 0}}
ENVELOPE = {"code", "name", "message", "fault", "blame", "remedy", "exit_code"}


def start(site, document, *arguments):
    """Start `confide task train` with this TASK.toml at the shop."""
    site.write("shop", "task.toml", document)
    return site.start("shop", "confide", "task", "train", "task.toml", *arguments, "--format", "json")


def refused(site, document, *arguments):
    """The error that a training ends with; its envelope is complete."""
    error = start(site, document, *arguments).wait().error
    assert set(error) == ENVELOPE
    assert error["remedy"]
    assert error["message"]
    return error


def facts(error):
    return error["code"], error["exit_code"], error["blame"]


def waiting(site, phase, waiting_for=None):
    """Id of the shop's running task, once the host has been told this phase."""

    def fitting():
        running = (found for found in client.list_tasks() if found.state is TaskState.RUNNING)
        fits = (
            found.id for found in running if found.phase == phase and waiting_for in (None, found.waiting_for)
        )
        return next(fits, None)

    with site.client("shop") as client:
        return until(fitting, f"task in phase {phase}", instead=lambda: (client.list_tasks()[:3], site.said))


def test_a_provider_declines_by_its_policy(site):
    error = refused(site, fair.task("media", purpose="something else"))
    assert facts(error) == ("CFD-111", 11, "media")
    assert error["fault"] == Fault.NOBODY
    assert "another purpose" in error["message"]


def test_the_trust_root_is_not_named(site):
    site.write("shop", "other-root.pem", SimulatedTee(RANDOMNESS, CLOCK.now()).root_pem)
    site.configure("shop", file="other-root.toml", root="other-root.pem")
    error = refused(site, fair.task("media"), "--config", "other-root.toml")
    assert (error["code"], error["exit_code"]) == ("CFD-203", 20)
    assert error["fault"] == Fault.PLATFORM
    assert "SIMULATED" in error["message"] + error["remedy"]
    left_behind(site)


def left_behind(site):
    """A task whose enclave was refused does not wait for its initiator."""
    with site.client("shop") as client:
        assert {found.state for found in client.list_tasks()} == {TaskState.ENDED}


def test_another_measurement_than_ours(site):
    site.configure("shop", file="other-code.toml", mrenclave="5" * 64)
    error = refused(site, fair.task("media"), "--config", "other-code.toml")
    assert (error["code"], error["exit_code"]) == ("CFD-204", 20)
    assert error["fault"] == Fault.PLATFORM
    assert site.machine["measurement"] in error["message"]
    left_behind(site)


@pytest.mark.parametrize(
    ("algorithm", "code", "exit_code", "named"),
    [
        ({"name": "oracle"}, "CFD-110", 11, "oracle"),
        ({"name": "afm", "parameters": {"epochs": 0}}, "CFD-602", 60, "epochs"),
        ({"name": "afm", "parameters": {"depth": 3}}, "CFD-602", 60, "depth"),
    ],
)
def test_algorithms_that_can_not_be_had(site, algorithm, code, exit_code, named):
    error = refused(site, fair.task("media", algorithm=algorithm))
    assert facts(error) == (code, exit_code, None)
    assert error["fault"] == Fault.YOU
    assert named in error["message"]


def test_a_column_is_missing_at_the_provider(site):
    error = refused(site, fair.task("media", purpose=site.narrow))
    assert facts(error) == ("CFD-111", 11, "media")
    assert "dwell" in error["message"]


def test_the_id_sets_to_predict_differ(site):
    site.write("shop", "differ.toml", fair.prediction(purpose=site.other_ids))
    error = refused(site, fair.task("media", purpose=site.other_ids), "--then", "differ.toml")
    assert (error["code"], error["exit_code"]) == ("CFD-116", 11)
    assert "media has 199" in error["message"]
    assert "shop has 200" in error["message"]


def test_cancelled_by_its_initiator(site):
    running = start(site, fair.task("media", ABSENT))
    task = waiting(site, "asking", (ABSENT,))
    (listed,) = site.confide("cloud", "platform", "tasks").result["tasks"]
    assert (listed["task"], listed["waiting_for"]) == (task, [ABSENT])
    assert listed["waiting_what"] == ["not joined"]
    assert abs(listed["waiting_since"] - CLOCK.now()) < 60
    assert site.confide("media", "task", "cancel", task).error["code"] == "CFD-503"
    assert site.confide("shop", "task", "cancel", task).result["state"] == "ended"
    assert running.wait().error["code"] == "CFD-118"
    assert site.media.wait_for("ended", task)["code"] == "CFD-118"


def test_interrupted_at_the_initiator(site):
    running = start(site, fair.task("media", ABSENT))
    task = waiting(site, "asking", (ABSENT,))
    done = running.send(INTERRUPT).wait()
    assert (done.code, done.error["code"], done.err) == (130, "CFD-118", "")
    shown = site.confide("shop", "task", "show", task).result
    assert (shown["state"], shown["events"][-1]["message"]) == ("ended", "abort")
    told = site.media.wait_for("ended", task)
    assert told["code"] == "CFD-118"
    assert "shop" in told["reason"]


def test_interrupted_at_a_provider(site):
    news = site.provide("news", "--consent", "consent.toml")
    running = start(site, fair.task("news", ABSENT))
    task = waiting(site, "asking", (ABSENT,))
    done = news.send(INTERRUPT).wait()
    assert (done.code, done.err) == (130, "")
    assert "Traceback" not in done.out
    assert facts(running.wait().error) == ("CFD-118", 11, "news")
    assert site.confide("shop", "task", "show", task).result["state"] == "ended"


@contextmanager
def asked_on_a_terminal(site):
    """A provider without a policy, its standard input a terminal; and that terminal's other end."""
    keyboard, terminal = os.openpty()
    try:
        yield site.provide("news", stdin=terminal), keyboard
    finally:
        os.close(keyboard)
        os.close(terminal)


def test_a_person_is_asked(site):
    with asked_on_a_terminal(site) as (news, keyboard):
        running = start(site, fair.task("news"))
        news.wait_for("offered", waiting(site, "asking", ("news",)))
        # What is typed before the question is shown does not count.
        until(lambda: "Take part" in news.log.read_text(), "question")
        os.write(keyboard, b"what?\nNo\n")
        error = running.wait().error
        news.end()
    assert facts(error) == ("CFD-111", 11, "news")
    assert "declined by a person" in error["message"]


def test_interrupted_while_a_person_is_asked(site):
    with asked_on_a_terminal(site) as (news, _):
        running = start(site, fair.task("news"))
        news.wait_for("offered", waiting(site, "asking", ("news",)))
        assert news.send(INTERRUPT).wait().code == 130
    assert facts(running.wait().error) == ("CFD-118", 11, "news")


def test_nobody_is_there_to_be_asked(site):
    news = site.provide("news", "--tasks", "1")
    error = refused(site, fair.task("news"))
    assert facts(error) == ("CFD-111", 11, "news")
    assert "nobody is there" in error["message"]
    assert news.wait().code == 11


def test_a_provider_that_gets_no_collateral_tries_again(site):
    site.configure("news", file="no-pccs.toml", pccs="http://127.0.0.1:9")
    news = site.provide("news", "--config", "no-pccs.toml", "--consent", "consent.toml", "--tasks", "1")
    running = start(site, fair.task("news"))
    task = news.wait_for("not-reached", waiting(site, "asking"))["task_id"]
    until(lambda: [event["event"] for event in news.events].count("not-reached") > 1, "second try")
    assert site.confide("shop", "task", "cancel", task).code == 0
    assert facts(running.wait().error)[0] == "CFD-118"
    assert news.end().code == 0


def test_the_wrong_passphrase(site):
    site.write("shop", "task.toml", fair.task("media"))
    done = site.confide("shop", "task", "train", "task.toml", passphrase="not it")
    assert facts(done.error) == ("CFD-304", 30, None)
    assert done.error["fault"] == Fault.YOU
    assert "not it" not in done.out + done.err


def test_a_provider_dies_while_the_enclave_works(site):
    news = site.provide("news", "--consent", "consent.toml")
    running = start(site, fair.task("news", algorithm=LONG))
    waiting(site, "working")
    news.send(KILL).wait()
    assert facts(running.wait().error) == ("CFD-120", 11, "news")


def test_the_initiator_dies_and_the_provider_is_told(site):
    with asked_on_a_terminal(site) as (news, _):
        running = start(site, fair.task("media", "news"))
        task = waiting(site, "asking", ("news",))
        running.send(KILL).wait()
        told = site.media.wait_for("ended", task)
        news.end()
    assert (told["code"], told["blame"]) == ("CFD-120", "shop")
    assert site.media.process.poll() is None


def test_what_happened_is_explained_at_either_side(site):
    """A provider declines; both see who has decided, and the initiator sees the host's log merged in."""
    running = start(site, fair.task("media", purpose="something else"))
    assert running.wait().error["code"] == "CFD-111"
    with site.client("shop") as client:
        task = client.list_tasks()[0].id
    site.media.wait_for("ended", task)
    explained = site.confide("shop", "task", "explain", task, "--log", "../cloud/audit.jsonl").result
    assert explained["state"] == "ended"
    assert (explained["cause"]["code"], explained["cause"]["told_by"]) == ("CFD-111", "shop")
    assert explained["cause"]["act"] == "nobody: it was decided so by media"
    assert {event["source"] for event in explained["events"]} == {
        "journal",
        "audit",
        "host",
        "audit of cloud",
    }
    alone = site.confide("shop", "task", "explain", task, "--offline").result
    assert alone["cause"]["code"] == "CFD-111"
    assert alone["remarks"] == ["the host was not asked (--offline)"]
    seen = site.confide("media", "task", "explain", task).result
    assert (seen["cause"]["code"], seen["state"]) == ("CFD-111", "ended")
    assert site.confide("news", "task", "explain", task).error["code"] == "CFD-601"
    shown = site.start("shop", "confide", "task", "explain", task).wait()
    assert "Who must act: nobody: it was decided so by media" in shown.out
