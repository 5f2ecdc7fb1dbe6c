"""How often one caller may call: a token bucket per certificate, so that nobody can use up what all share."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from confide.core import limits
from confide.core.errors import TooManyCalls


class CallRate:
    """`burst` calls at once, then one in every `seconds`, per caller. Called from several threads.

    At most limits.MAX_RATED_CALLERS are remembered; who has not called for longest is forgotten first.
    """

    def __init__(self, what: str, burst: int, seconds: float, monotonic: Callable[[], float]) -> None:
        self._what = what
        self._burst = burst
        self._seconds = seconds
        self._monotonic = monotonic
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        """Caller -> (calls left, as of when)."""
        self._lock = threading.Lock()

    def check(self, caller: bytes) -> None:
        """Count one call. Raises TooManyCalls, which does not count."""
        with self._lock:
            now = self._monotonic()
            left, then = self._left.pop(caller, (float(self._burst), now))
            left = min(float(self._burst), left + (now - then) / self._seconds)
            refused = left < 1
            self._left[caller] = (left if refused else left - 1, now)
            if len(self._left) > limits.MAX_RATED_CALLERS:
                self._left.popitem(last=False)
        if refused:
            raise TooManyCalls(
                f"{self._what}: at most {self._burst} at once and one every {self._seconds:g} seconds; "
                f"again in {(1 - left) * self._seconds:.1f} seconds"
            )
