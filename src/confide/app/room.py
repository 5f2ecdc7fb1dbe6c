"""A call at a host that has no room on its disk: made again until it has some, in the sight of all."""

import threading
from collections.abc import Callable
from typing import TypeVar

from confide.app.channel import pauses
from confide.app.events import Event, Tell
from confide.app.party import Party
from confide.core import limits
from confide.core.errors import NoRoom
from confide.core.platform_api import TaskStatus
from confide.protocol import faults

T = TypeVar("T")


class Room:
    """What one task's watcher has been told of it."""

    def __init__(self, party: Party, tell: Tell, cancelled: threading.Event) -> None:
        self.party, self.tell, self._cancelled = party, tell, cancelled
        self._missing = False

    def call(self, call: Callable[[], T]) -> T:
        """Raises NoRoom after IDLE_SECONDS, TaskCancelled, and what `call` raises."""
        waits = pauses(limits.IDLE_SECONDS)
        while True:
            try:
                result = call()
            except NoRoom:
                self._note(self.party.clock.now())
                if (pause := next(waits, None)) is None:
                    raise
            else:
                self._note(None)
                return result
            if self._cancelled.wait(pause):
                raise faults.cancelled(self.party.me)

    def seen_in(self, status: TaskStatus) -> bool:
        """Whether the host waits for room; told when that has changed."""
        self._note(status.no_room_since)
        return self._missing

    def _note(self, since: int | None) -> None:
        if since is not None and not self._missing:
            self.tell(Event("no-room", {"since": since}))
        if since is None and self._missing:
            self.tell(Event("room", {}))
        self._missing = since is not None
