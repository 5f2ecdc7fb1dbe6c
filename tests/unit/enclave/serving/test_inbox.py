"""A full inbox holds senders back; a closed one holds nobody, or the enclave could never end."""

import threading

from confide.enclave.serving.inbox import Inbox


def test_what_is_put_comes_out_in_order():
    inbox = Inbox(3)
    for event in "abc":
        inbox.put(event)
    assert [inbox.take() for _ in range(4)] == ["a", "b", "c", None]


def test_a_full_inbox_waits_until_something_is_taken():
    inbox = Inbox(1)
    inbox.put("first")
    waiting = threading.Thread(target=inbox.put, args=("second",), daemon=True)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    assert inbox.take() == "first"
    assert inbox.take(5) == "second"
    waiting.join(5)


def test_closing_lets_go_of_those_who_wait_and_drops_what_is_left():
    inbox = Inbox(1)
    inbox.put("first")
    waiting = [threading.Thread(target=inbox.put, args=(n,), daemon=True) for n in range(5)]
    for thread in waiting:
        thread.start()
    inbox.close()
    for thread in waiting:
        thread.join(5)
    assert not any(thread.is_alive() for thread in waiting)
    inbox.put("late")
    inbox.close()
    assert inbox.take() is None
