"""The states of a training on the host's disk, sealed, for the enclave that may take this one's place.

Each has a number and a digest, which every party is told and keeps. A fresh enclave starts from the highest
that any party names, and from nothing else that the host may offer: an older one, another one or none at all
means that the training begins again, and everybody is told.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from confide.core import limits
from confide.core.digest import same, sha384_hex
from confide.core.ports import Clock, Randomness
from confide.crypto.checkpoint_key import CheckpointKey
from confide.protocol.messages import Checkpoint


class Checkpoints:
    """Of one round. Implements algorithms.base.Keeper."""

    def __init__(
        self,
        folder: Path,
        key: CheckpointKey,
        told: Checkpoint | None,
        *,
        clock: Clock,
        randomness: Randomness,
        seconds: float,
    ) -> None:
        """`told`: the highest that a party names; `seconds`: between two of them, at least."""
        self._folder, self._key, self._told = folder, key, told
        self._clock, self._randomness, self._seconds = clock, randomness, seconds
        self._last = clock.monotonic()
        self._usable = True
        self.newest = told
        self.refused = False
        """Whether the one that was told of did not come back as it was."""

    def found(self) -> bytes | None:
        """The state to start from."""
        told = self._told
        if told is None:
            return None
        state = self._read(told)
        self.refused = state is None
        if state is None:
            self.newest = None
        return state

    def _read(self, told: Checkpoint) -> bytes | None:
        path = self._path(told.number)
        try:
            if path.is_symlink() or path.stat().st_size > limits.MAX_CHECKPOINT_BYTES:
                return None
            sealed = path.read_bytes()
        except OSError:
            return None
        return self._key.open(told.number, sealed) if same(sha384_hex(sealed), told.sha384) else None

    def keep(self, state: Callable[[], bytes]) -> None:
        """After an epoch: written if it is time. A disk that takes nothing more is not the training's end."""
        now = self._clock.monotonic()
        if not self._usable or now - self._last < self._seconds:
            return
        # Numbers that parties have heard are never used again, whatever became of them.
        number = max(self._number(self.newest), self._number(self._told)) + 1
        sealed = self._key.seal(number, state(), self._randomness)
        path = self._path(number)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.with_suffix(".partly").write_bytes(sealed)
            path.with_suffix(".partly").rename(path)
        except OSError:
            self._usable = False
            return
        # The one before stays: not everybody may have heard of this one when we die.
        with suppress(OSError):
            self._path(number - 2).unlink(missing_ok=True)
        self.newest, self._last = (
            Checkpoint(number=number, sha384=sha384_hex(sealed)),
            self._clock.monotonic(),
        )

    @staticmethod
    def _number(checkpoint: Checkpoint | None) -> int:
        return checkpoint.number if checkpoint is not None else 0

    def _path(self, number: int) -> Path:
        return self._folder / f"checkpoint-{number}"
