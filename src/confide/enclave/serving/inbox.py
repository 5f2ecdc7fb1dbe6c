"""The bounded line in front of the driver: full, it holds back who comes; closed, it holds nobody."""

import queue
import threading
from typing import Generic, TypeVar

from confide.core import limits

E = TypeVar("E")


class Inbox(Generic[E]):
    """Many threads put, one takes."""

    def __init__(self, size: int = limits.MAX_INBOX_MESSAGES) -> None:
        self._queue: queue.Queue[E] = queue.Queue(size)
        self._closed = threading.Event()

    def __len__(self) -> int:
        return self._queue.qsize()

    def put(self, event: E) -> None:
        """Waits while the line is full. After `close` the event is dropped at once: nobody will take it."""
        while not self._closed.is_set():
            try:
                self._queue.put(event, timeout=limits.POLL_SECONDS)
            except queue.Full:
                continue
            return

    def take(self, timeout: float = 0) -> E | None:
        """The next event, or None if none came within `timeout` seconds."""
        try:
            return self._queue.get(timeout=timeout) if timeout else self._queue.get_nowait()
        except queue.Empty:
            return None

    def close(self) -> None:
        """The driver has ended: let go of everybody who waits, and of what was not taken. Idempotent."""
        self._closed.set()
        while self.take() is not None:
            pass
