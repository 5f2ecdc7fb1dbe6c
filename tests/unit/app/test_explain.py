"""What is told of a task out of all records: in order, each by whose word; the cause; whose turn it is."""

import dataclasses

import pytest
from fakes.logbook import TASK, Owners
from fakes.world import train_task

from confide.app.explain import Sources, explain
from confide.app.journal import AuditedFolder
from confide.app.records import ENDED
from confide.audit.entry import Object, Operation
from confide.audit.recorder import Recorder
from confide.core.errors import (
    AuditInvalid,
    BlockDigestMismatch,
    ChannelClosed,
    ConfigurationError,
    OfferDeclined,
    PartyLost,
    PlatformFailed,
)
from confide.core.platform_api import TaskKind, TaskState, TaskStatus
from confide.protocol import messages as m

START = 1_800_000_000


class Case:
    """shop's records of one task, and media's and the host's logs."""

    def __init__(self, base):
        self.owners = Owners(base)
        self.clock = self.owners.clock
        self.clock.time = START
        self.folder = AuditedFolder(base / "tasks" / TASK, self.clock, Recorder(self.owners.shop.log, TASK))
        self.status = TaskStatus(
            id=TASK,
            name="clicks",
            kind=TaskKind.TRAIN,
            state=TaskState.RUNNING,
            initiator="shop",
            providers=("media",),
            created_at=START - 5,
            phase="asking",
        )

    def later(self, seconds=10):
        self.clock.time += seconds

    def ended(self, outcome, exit_code=11):
        self.status = dataclasses.replace(
            self.status, state=TaskState.ENDED, outcome=outcome, exit_code=exit_code, ended_at=self.clock.time
        )

    def explain(self, *others, **changes):
        fields = {
            "task": TASK,
            "me": "shop",
            "folder": self.folder.folder,
            "audit": self.owners.shop.path,
            "status": self.status,
            "others": tuple(other.path for other in others),
        }
        return explain(Sources(**(fields | changes)))


@pytest.fixture
def case(tmp_path):
    found = Case(tmp_path)
    found.folder.note("said", m.Proposal(task=train_task(), algorithm=algorithm()), "judging")
    return found


def algorithm():
    from fakes.examples import SIGNED  # noqa: PLC0415 - makes keys

    return SIGNED.block.algorithm


def test_a_block_that_stays_damaged(case):
    case.later()
    case.folder.failed(BlockDigestMismatch("block 2 (rows 64 to 95) of media did not match", blame="media"))
    case.ended("CFD-114")
    found = case.explain()
    assert (found.state, found.cause.code, found.cause.told_by) == ("ended", "CFD-114", "shop")
    assert found.cause.act == "media"
    assert "rows 64 to 95" in found.cause.what
    assert "prepare again" in found.cause.remedy


def test_events_of_all_sides_stand_in_order(case):
    case.later()
    with Recorder(case.owners.cloud.log, TASK).doing(Operation.LAUNCH):
        case.later()
    case.later()
    case.folder.failed(PartyLost("nothing was heard for 600 s; waiting for media", blame="media"))
    case.ended("CFD-120")
    found = case.explain(case.owners.cloud)
    assert [event.at for event in found.events] == sorted(event.at for event in found.events)
    told = [(event.who, event.source) for event in found.events]
    assert told[0] == ("shop", "host")
    assert told[1:3] == [("shop", "journal"), ("shop", "audit")]
    assert ("cloud", "audit of cloud") in told
    assert ("the host", "host") in told
    assert "propose begins" in [event.what for event in found.events]
    assert found.document()["cause"]["act"] == "media"


def test_we_saw_only_that_it_was_gone_but_the_host_knows_more(case):
    case.folder.failed(ChannelClosed("the enclave could not be reached again in time"))
    case.later()
    case.ended("the enclave died", -9)
    cause = case.explain().cause
    assert (cause.code, cause.what, cause.told_by) == ("CFD-505", "the enclave died", "the host")
    assert cause.act == "the platform"


def test_the_host_tells_a_code_that_we_were_not_told(case):
    case.folder.failed(PlatformFailed(f"the enclave of task {TASK} has ended: CFD-120", blame="platform"))
    case.later()
    case.ended("CFD-120")
    cause = case.explain().cause
    assert (cause.code, cause.told_by) == ("CFD-120", "the host")
    assert cause.what.startswith("A party did not speak")


def test_anothers_log_shows_an_earlier_cause(case):
    case.later()
    media = Recorder(case.owners.media.log, TASK)
    media.before(Operation.UPLOAD, Object(kind="dataset", rows=7))
    media.failed("CFD-403")
    case.later()
    case.folder.failed(OfferDeclined("media ended the task: an internal failure (CFD-403)", blame="media"))
    case.ended("CFD-122")
    cause = case.explain(case.owners.media).cause
    assert (cause.code, cause.told_by, cause.act) == ("CFD-403", "media", "media")


def test_a_decision_is_nobodys_fault(case):
    case.folder.failed(OfferDeclined("media declined: not on weekends", blame="media"))
    case.ended("CFD-111")
    assert case.explain().cause.act == "nobody: it was decided so by media"


def test_cancelled_by_its_initiator(case):
    case.ended("cancelled", -15)
    cause = case.explain(folder=case.folder.folder / "elsewhere").cause
    assert (cause.code, cause.act) == ("CFD-118", "nobody: it was decided so by shop")


def test_a_task_that_waits(case):
    case.status = dataclasses.replace(case.status, waiting_for=("media",), waiting_since=START + 7)
    found = case.explain()
    assert (found.state, found.cause) == ("waiting", None)
    assert (found.waiting_for, found.waiting_since) == (("media",), START + 7)
    assert found.events[-1].what == "began to wait for media"


def test_a_task_that_completed(case):
    case.ended("completed", 0)
    found = case.explain()
    assert (found.state, found.cause, found.waiting_for) == ("completed", None, ())


def test_without_a_host_our_own_records_count(case):
    case.folder.failed(PartyLost("nothing was heard for 600 s; waiting for media", blame="media"))
    found = case.explain(status=None, remarks=("the host tells nothing",))
    assert (found.state, found.cause.act, found.remarks) == ("ended", "media", ("the host tells nothing",))


def test_a_log_that_was_altered_is_told(case):
    media = Recorder(case.owners.media.log, TASK)
    with media.doing(Operation.ATTEST):
        pass
    lines = case.owners.media.lines()
    case.owners.media.rewrite([lines[0], lines[2]])
    assert "line 2 is missing" in case.explain(case.owners.media).remarks[0]


def test_nothing_is_known(tmp_path, case):
    with pytest.raises(ConfigurationError, match="nothing is known"):
        case.explain(status=None, folder=tmp_path / "none", audit=tmp_path / "none.jsonl")


def test_a_damaged_record(case):
    (case.folder.folder / ENDED).write_text("{")
    with pytest.raises(ConfigurationError):
        case.explain()


def test_a_log_of_two_owners(case):
    for owner in (case.owners.media, case.owners.cloud):
        with Recorder(owner.log, TASK).doing(Operation.ATTEST):
            pass
    case.owners.media.rewrite([*case.owners.media.lines(), *case.owners.cloud.lines()])
    with pytest.raises(AuditInvalid):
        case.explain(case.owners.media)
