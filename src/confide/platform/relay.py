"""Carries bytes between two participants of a task who can't reach each other. What they say is sealed.

A leg waits for its other one; when both are there, each is told so by one empty frame, and from then on what
one brings goes out at the other, in order. A leg that ends ends the other. The newest counts: a participant
that comes back takes the place of its earlier leg. A task that ends ends its legs.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from confide.core import limits
from confide.core.envelope import Envelope
from confide.core.errors import (
    AccessDenied,
    ChannelClosed,
    ConfideError,
    LimitExceeded,
    RemoteProtocolError,
)
from confide.core.ports import Link

Route = tuple[str, str, str]
"""(task, from whom, to whom)."""


@dataclass(slots=True, eq=False)
class _Leg:
    link: Link
    since: float
    """When it came, or last brought something."""
    other: "_Leg | None" = None
    brought: int = 0
    over: threading.Event = field(default_factory=threading.Event)


class Relay:
    """One per host. Every leg is served by a thread of its own, which calls `carry`."""

    def __init__(
        self,
        ended: Callable[[str], bool] = lambda _task: False,
        *,
        wait_seconds: float = limits.RELAY_WAIT_SECONDS,
        idle_seconds: float = limits.RELAY_IDLE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ended` tells whether a task has; it is asked about once in POLL_SECONDS for each leg."""
        self._ended = ended
        self._wait_seconds, self._idle_seconds = wait_seconds, idle_seconds
        self._monotonic = monotonic
        self._legs: dict[Route, _Leg] = {}
        self._lock = threading.Lock()

    def carry(self, task: str, us: str, peer: str, link: Link) -> int:
        """Serve a leg until it or the other one ends. Returns how many bytes it has brought.

        Raises:
            AccessDenied: to oneself.
            ChannelClosed: the other one did not come in time, or has ended; neither has brought anything
                for too long; the task has ended.
            RemoteProtocolError: something was sent before the other one was there.
            LimitExceeded: more than RELAY_FRAME_BYTES at a time, or than MAX_RELAY_BYTES in all.
        """
        if us == peer:
            raise AccessDenied("a relay joins two participants")
        leg, route = _Leg(link, self._monotonic()), (task, us, peer)
        try:
            self._enter(route, leg)
            self._make_room()
            self._pump(leg, route)
        finally:
            self._leave(route, leg)
        return leg.brought

    def _enter(self, route: Route, leg: _Leg) -> None:
        task, us, peer = route
        with self._lock:
            earlier = self._legs.get(route)
            self._legs[route] = leg
            other = self._legs.get((task, peer, us))
            if other is not None and other.other is None and not other.over.is_set():
                # Both are told before either can send: nothing overtakes the word that the other is there.
                for there in (leg, other):
                    there.link.send(b"")
                leg.other, other.other = other, leg
        if earlier is not None:
            _end(earlier)

    def _make_room(self) -> None:
        """Of more than MAX_WAITING_LEGS the oldest of whoever has most of them goes; it may come again."""
        with self._lock:
            waiting = [(us, leg) for (_, us, _), leg in self._legs.items() if leg.other is None]
            if len(waiting) <= limits.MAX_WAITING_LEGS:
                return
            of = Counter(us for us, _ in waiting)
            _, gone = max(waiting, key=lambda each: (of[each[0]], -each[1].since))
            gone.over.set()
        _end(gone)

    def _leave(self, route: Route, leg: _Leg) -> None:
        with self._lock:
            leg.over.set()
            if self._legs.get(route) is leg:
                del self._legs[route]
            other = leg.other
        if other is not None:
            _end(other)

    def _pump(self, leg: _Leg, route: Route) -> None:
        look = leg.since + limits.POLL_SECONDS
        while (frame := _next(leg)) is not None:
            now = self._monotonic()
            if frame != _SILENCE:
                leg.since = now
                self._hand_on(leg, frame)
            if now >= look:
                self._check(leg, route, now)
                look = now + limits.POLL_SECONDS

    def _check(self, leg: _Leg, route: Route, now: float) -> None:
        """Raises ChannelClosed where there is nothing to wait for any more."""
        task, _, peer = route
        other = leg.other
        if self._ended(task):
            raise ChannelClosed("the task has ended")
        if other is None and now > leg.since + self._wait_seconds:
            raise ChannelClosed(f"{peer} did not come to the relay in time")
        if other is not None and now > max(leg.since, other.since) + self._idle_seconds:
            raise ChannelClosed("nothing came through the relay for too long")

    def _hand_on(self, leg: _Leg, frame: Envelope) -> None:
        with self._lock:
            other = leg.other
        if other is None:
            raise RemoteProtocolError("a frame came before the other end was there")
        if len(frame) > limits.RELAY_FRAME_BYTES:
            raise LimitExceeded(f"a frame has at most RELAY_FRAME_BYTES ({limits.RELAY_FRAME_BYTES})")
        leg.brought += len(frame)
        if leg.brought > limits.MAX_RELAY_BYTES:
            raise LimitExceeded(f"a leg brings at most MAX_RELAY_BYTES ({limits.MAX_RELAY_BYTES})")
        try:
            other.link.send(frame)
        except ConfideError:
            raise ChannelClosed("the other end of the relay has gone") from None


_SILENCE = b""


def _next(leg: _Leg) -> Envelope | None:
    """The next frame; nothing for a while; or None once the leg has ended."""
    try:
        return leg.link.receive(limits.POLL_SECONDS)
    except TimeoutError:
        return _SILENCE
    except ChannelClosed:
        return None


def _end(leg: _Leg) -> None:
    """Its own thread notices: it can neither receive nor be sent to any more."""
    leg.over.set()
    leg.link.close()
