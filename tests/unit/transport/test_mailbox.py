import threading

import pytest

from confide.core import limits
from confide.core.errors import ChannelClosed, RemoteProtocolError
from confide.transport.mailbox import Mailbox
from confide.transport.memory import link_pair


def test_first_in_first_out_and_bounded():
    box = Mailbox(2)
    box.put(b"1")
    box.put(b"2")
    with pytest.raises(TimeoutError):
        box.put(b"3", 0.01)
    assert (box.get(), box.get()) == (b"1", b"2")
    with pytest.raises(TimeoutError):
        box.get(0.01)


def test_close_lets_what_is_in_out_and_nothing_in():
    box = Mailbox(2)
    box.put(b"1")
    box.close(RemoteProtocolError("why"))
    box.close(ChannelClosed("a later reason does not count"))
    with pytest.raises(RemoteProtocolError):
        box.put(b"2")
    assert list(box) == [b"1"]
    with pytest.raises(RemoteProtocolError, match="why"):
        box.get()


def test_drop_forgets():
    box = Mailbox(2)
    box.put(b"1")
    box.drop()
    with pytest.raises(ChannelClosed):
        box.get()


@pytest.mark.parametrize("waiting", ["put", "get"])
def test_closing_wakes_who_waits(waiting):
    box = Mailbox(1)
    if waiting == "put":
        box.put(b"full")
    caught = []

    def wait():
        try:
            box.put(b"x") if waiting == "put" else box.get()
        except ChannelClosed as closed:
            caught.append(closed)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(0.05)
    box.drop()
    thread.join(5)
    assert len(caught) == 1


def test_a_pair_in_memory():
    left, right = link_pair()
    left.send(b"a")
    right.send(b"b")
    assert (right.receive(), left.receive()) == (b"a", b"b")
    left.send(b"last words")
    left.close()
    left.close()
    assert right.receive() == b"last words"
    with pytest.raises(ChannelClosed):
        right.receive()
    with pytest.raises(ChannelClosed):
        right.send(b"x")
    with pytest.raises(ChannelClosed):
        left.receive()


def test_a_link_over_which_nothing_gets_through_is_dropped(monkeypatch):
    monkeypatch.setattr(limits, "STALL_SECONDS", 0.05)
    left, _right = link_pair()
    for _ in range(limits.MAX_INBOX_MESSAGES):
        left.send(b"x")
    with pytest.raises(ChannelClosed, match="nothing got through"):
        left.send(b"x")
    with pytest.raises(ChannelClosed):
        left.receive()
