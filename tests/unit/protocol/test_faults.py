import pytest

from confide.core import errors
from confide.core.errors import ConfideError, DatasetCorrupt, SchemaMismatch, TaskEnded
from confide.protocol import faults
from confide.protocol.messages import Abort

EVERY = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ConfideError) and "code" in vars(kind)
]


def made(kind):
    return kind() if kind is errors.SealError else kind("the reason", blame="shop")


@pytest.mark.parametrize("kind", EVERY)
def test_whatever_is_told_is_understood(kind):
    told = faults.error_of(faults.abort_of(made(kind)))
    assert type(told) in {kind, errors.WorkFailed}
    assert told.blame == made(kind).blame
    if type(told) is not kind:
        assert str(told) == f"an internal failure ({kind.code})"


@pytest.mark.parametrize("kind", [kind for kind in EVERY if issubclass(kind, TaskEnded)])
def test_how_a_task_ends_is_told_in_full(kind):
    told = faults.error_of(faults.abort_of(made(kind)))
    assert (type(told), str(told)) == (kind, "the reason")


def test_a_long_reason_is_cut():
    assert len(faults.abort_of(errors.WorkFailed("x" * 5000)).reason) == 1024


def test_an_unknown_code_is_the_other_ends_fault():
    told = faults.error_of(Abort(code="CFD-999", reason="?"))
    assert type(told) is errors.RemoteProtocolError


def test_a_party_keeps_the_state_of_its_own_files_to_itself():
    path = DatasetCorrupt("/home/media/block-00001.arrows has changed")
    assert "home" not in faults.abort_of_party(path).reason
    assert faults.abort_of(path).reason == path.message
    refused = SchemaMismatch("refused: the task names other participants")
    assert faults.abort_of_party(refused) == faults.abort_of(refused)


def test_what_a_party_ends_a_task_with_is_its_word_and_its_blame():
    told = faults.told_by("media", Abort(code="CFD-118", reason="cancelled", blame="shop"))
    assert (type(told), str(told), told.blame) == (
        errors.TaskCancelled,
        "media ended the task: cancelled",
        "media",
    )
    unknown = faults.told_by("media", Abort(code="CFD-999", reason="x" * 1024))
    assert type(unknown) is errors.RemoteProtocolError
    assert len(faults.abort_of(unknown).reason) == 1024


def test_a_cancellation_names_who():
    assert (str(faults.cancelled("shop")), faults.cancelled("shop").blame) == ("cancelled by shop", "shop")
