from confide.app.channel import pauses
from confide.core import limits


def test_pauses_grow_are_bounded_and_come_to_an_end():
    found = list(pauses(600))
    assert found[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(found) == limits.REJOIN_PAUSE_SECONDS
    assert 600 <= sum(found) < 600 + limits.REJOIN_PAUSE_SECONDS


def test_there_is_always_one_attempt():
    assert list(pauses(0.1)) == [0.5]
