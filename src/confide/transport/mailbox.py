"""A bounded queue of envelopes that can be closed from either end: the backpressure of every link."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Final

from confide.core.envelope import Envelope
from confide.core.errors import ChannelClosed, ConfideError

_CLOSED: Final = "the channel is closed"


class Mailbox:
    """Holds at most `room` envelopes. Any number of threads on either side."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._items: deque[Envelope] = deque()
        self._changed = threading.Condition()
        self._reason: ConfideError | None = None

    def put(self, item: Envelope, timeout: float | None = None) -> None:
        """Waits while full.

        Raises:
            ConfideError: the mailbox is closed; the reason it was closed with.
            TimeoutError: still full after `timeout` seconds.
        """
        with self._changed:
            self._wait(lambda: self._reason is not None or len(self._items) < self._room, timeout)
            if self._reason is not None:
                raise self._reason.with_traceback(None)
            self._items.append(item)
            self._changed.notify_all()

    def get(self, timeout: float | None = None) -> Envelope:
        """Waits while empty. What was put before `close` is still given out.

        Raises:
            ConfideError: closed, and nothing left; the reason it was closed with.
            TimeoutError: still empty after `timeout` seconds.
        """
        with self._changed:
            self._wait(lambda: self._reason is not None or bool(self._items), timeout)
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            raise (self._reason or ChannelClosed(_CLOSED)).with_traceback(None)

    def close(self, reason: ConfideError | None = None) -> None:
        """Nothing more can be put. The first reason stays. Idempotent."""
        with self._changed:
            if self._reason is None:
                self._reason = reason or ChannelClosed(_CLOSED)
            self._changed.notify_all()

    def drop(self, reason: ConfideError | None = None) -> None:
        """Close, and forget what has not been taken."""
        with self._changed:
            self._items.clear()
            self.close(reason)

    def __iter__(self) -> Iterator[Envelope]:
        """Envelopes until the mailbox is closed and empty."""
        while True:
            try:
                yield self.get()
            except ConfideError:
                return

    def _wait(self, ready: Callable[[], bool], timeout: float | None) -> None:
        deadline = None if timeout is None else monotonic() + timeout
        while not ready():
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            self._changed.wait(left)
