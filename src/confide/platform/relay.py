"""Carries bytes between two participants of a task who can't reach each other. What they say is sealed.

A leg waits for its other one; when both are there, each is told so by one empty frame, and from then on what
one brings goes out at the other, in order. A leg that ends ends the other. The newest counts: a participant
that comes back takes the place of its earlier leg.
"""

import threading
import time
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
    other: "_Leg | None" = None
    brought: int = 0
    over: threading.Event = field(default_factory=threading.Event)


class Relay:
    """One per host. Every leg is served by a thread of its own, which calls `carry`."""

    def __init__(
        self,
        wait_seconds: float = limits.RELAY_WAIT_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wait_seconds = wait_seconds
        self._monotonic = monotonic
        self._legs: dict[Route, _Leg] = {}
        self._lock = threading.Lock()

    def carry(self, task: str, us: str, peer: str, link: Link) -> int:
        """Serve a leg until it or the other one ends. Returns how many bytes it has brought.

        Raises:
            AccessDenied: to oneself.
            ChannelClosed: the other one did not come in time, or has ended.
            RemoteProtocolError: something was sent before the other one was there.
            LimitExceeded: more than RELAY_FRAME_BYTES at a time, or than MAX_RELAY_BYTES in all.
        """
        if us == peer:
            raise AccessDenied("a relay joins two participants")
        leg, route = _Leg(link), (task, us, peer)
        try:
            self._enter(route, leg)
            self._pump(leg, peer)
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

    def _leave(self, route: Route, leg: _Leg) -> None:
        with self._lock:
            leg.over.set()
            if self._legs.get(route) is leg:
                del self._legs[route]
            other = leg.other
        if other is not None:
            _end(other)

    def _pump(self, leg: _Leg, peer: str) -> None:
        deadline = self._monotonic() + self._wait_seconds
        while (frame := _next(leg)) is not None:
            if frame == _SILENCE:
                if leg.other is None and self._monotonic() > deadline:
                    raise ChannelClosed(f"{peer} did not come to the relay in time")
                continue
            self._hand_on(leg, frame)

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
