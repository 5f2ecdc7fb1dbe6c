"""A clock that tests turn, and randomness that repeats."""

import hashlib


class FakeClock:
    """Implements core.ports.Clock."""

    def __init__(self, now: int = 1_800_000_000) -> None:
        self.time = now
        self.step = 0
        """By how much the wall clock was set forward; monotonic time knows nothing of it."""

    def now(self) -> int:
        return self.time + self.step

    def monotonic(self) -> float:
        return float(self.time)


class SeededRandomness:
    """Implements core.ports.Randomness: SHA-256 in counter mode."""

    def __init__(self, seed: str = "test") -> None:
        self._seed = seed.encode()
        self._counter = 0

    def bytes(self, count: int) -> bytes:
        out = b""
        while len(out) < count:
            out += hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        return out[:count]
